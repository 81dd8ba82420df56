"""The order in which a worker serves its queues."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from naq.exceptions import JobError
from naq.models.checks import check_queue_name
from naq.worker.delivery import Delivery


class QueueOrder(StrEnum):
    """The order in which a worker serves its queues."""

    TURNS = "turns"
    """All queues alike."""
    STRICT = "strict"
    """A queue is served when those before it are empty."""
    WEIGHTED = "weighted"
    """Each queue gets its share."""


def order_of(
    queues: str | Iterable[str] | Mapping[str, int], order: QueueOrder | str | None
) -> tuple[dict[str, int], QueueOrder]:
    """Return the queues of a worker with their weights, and the order in which it serves them.

    Args:
        queues: the names; one, several, or with weights.
        order: the order; by default weighted where there are weights.

    Raises:
        JobError: a name or a weight makes no sense, or there is no such order.
    """
    weights = _weights(queues)
    if order is None:
        order = QueueOrder.WEIGHTED if isinstance(queues, Mapping) else QueueOrder.TURNS
    if order not in tuple(QueueOrder):
        raise JobError(f"order must be turns, strict or weighted, not {order!r}")
    if isinstance(queues, Mapping) and order != QueueOrder.WEIGHTED:
        raise JobError(f"queues with weights are served by these, not in {order} order")
    return weights, QueueOrder(order) if len(weights) > 1 else QueueOrder.TURNS


def _weights(queues: str | Iterable[str] | Mapping[str, int]) -> dict[str, int]:
    if isinstance(queues, Mapping):
        weights = dict(queues)
    else:
        weights = dict.fromkeys((queues,) if isinstance(queues, str) else queues, 1)
    if not weights:
        raise JobError("a worker needs the name of a queue")
    for queue, weight in weights.items():
        check_queue_name(queue)
        if not isinstance(weight, int) or not 1 <= weight <= 1000:
            raise JobError(f"the weight of queue {queue!r} must be from 1 to 1000, not {weight!r}")
    return weights


class Shares:
    """Deals out slots by weights, as evenly as they allow (smooth weighted round robin).

    Args:
        weights: the weight of each queue.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights = weights
        self._credit = [0] * len(weights)

    def deal(self, slots: int, among: Iterable[int]) -> dict[int, int]:
        """Return how many of the slots each queue gets.

        Args:
            slots: how many there are.
            among: the numbers of the queues that may get one.
        """
        queues = list(among)
        dealt = dict.fromkeys(queues, 0)
        total = sum(self._weights[queue] for queue in queues)
        for _ in range(slots if queues else 0):
            for queue in queues:
                self._credit[queue] += self._weights[queue]
            first = max(queues, key=self._credit.__getitem__)
            self._credit[first] -= total
            dealt[first] += 1
        return dealt


class Ready:
    """The ready jobs of a worker in strict order.

    A job of one queue is handed out when no job of an earlier one is there, and the server is not
    known to have one.

    Args:
        queues: the queues' names, in order.
    """

    def __init__(self, queues: Sequence[str]) -> None:
        self._rank = {queue: rank for rank, queue in enumerate(queues)}
        self._jobs: list[deque[Delivery]] = [deque() for _ in queues]
        self._has_more = [False] * len(queues)
        self._waiters: deque[asyncio.Future[None]] = deque()

    def put_nowait(self, delivery: Delivery) -> None:
        """Add a job."""
        self._jobs[self._rank[delivery.job.queue]].append(delivery)
        self._wake()

    async def get(self) -> Delivery:
        """Wait for the next job in order."""
        while (jobs := self._next()) is None:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()  # the job that it was woken for is another's
                raise
        return jobs.popleft()

    def get_nowait(self) -> Delivery:
        """Return a job, in order, whatever the server has.

        Raises:
            asyncio.QueueEmpty: there is none.
        """
        for jobs in self._jobs:
            if jobs:
                return jobs.popleft()
        raise asyncio.QueueEmpty

    def qsize(self) -> int:
        """Return how many jobs there are."""
        return sum(map(len, self._jobs))

    def up_to(self, rank: int) -> int:
        """Return how many jobs of a queue and of those before it there are."""
        return sum(len(jobs) for jobs in self._jobs[: rank + 1])

    def note(self, rank: int, *, has_more: bool) -> None:
        """Note whether the server is known to have more jobs of a queue."""
        self._has_more[rank] = has_more
        if not has_more:
            self._wake()

    def _next(self) -> deque[Delivery] | None:
        for jobs, has_more in zip(self._jobs, self._has_more, strict=True):
            if jobs:
                return jobs
            if has_more:
                return None
        return None

    def _wake(self) -> None:
        """Wake as many waiters as there are jobs; one that finds none waits again."""
        for _ in range(self.qsize()):
            while self._waiters:
                waiter = self._waiters.popleft()
                if not waiter.done():
                    waiter.set_result(None)
                    break
