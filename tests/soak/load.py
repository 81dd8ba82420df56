"""The load: scenes drawn from the seed, played by a few enqueuers at once, through every outage."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from account import Account

T = TypeVar("T")

ENQUEUERS = 6
PATIENCE = 60.0
"""Seconds that an enqueue has in all, the attempts together."""

_PAUSE = 0.1


class Scene(Protocol):
    """Something that an application does: enqueues a job, or some that belong together."""

    async def __call__(self, name: str, draw: random.Random) -> None: ...


async def until_acknowledged(
    account: Account,
    documented: tuple[type[Exception], ...],
    enqueue: Callable[[], Awaitable[T]],
) -> T:
    """Enqueue again and again, under the same ids, until it succeeds.

    Raises:
        TimeoutError: it has not within ``PATIENCE`` seconds; nothing is promised then.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await enqueue()
            except documented:
                account.refusals["documented"] += 1
            except Exception as error:  # noqa: BLE001 - the account names it
                account.refusals[_described(error)] += 1
            await asyncio.sleep(_PAUSE)


async def play(
    scenes: Sequence[tuple[float, Scene]],
    seed: int,
    rate: float,
    over: asyncio.Event,
    account: Account,
) -> None:
    """Play scenes, drawn by their weights, until the soak is over.

    Args:
        scenes: weights and scenes.
        seed: decides which, and in which order.
        rate: how many a second, while nothing delays them.
        over: set when it is over.
        account: takes the enqueues that were given up.
    """

    async def enqueuer(number: int) -> None:
        draw = random.Random(f"{seed} load {number}")
        weights = [weight for weight, _ in scenes]
        count = 0
        while not over.is_set():
            ((_, scene),) = draw.choices(scenes, weights)
            count += 1
            try:
                await scene(f"{number}-{count}", random.Random(f"{seed} {number}-{count}"))
            except TimeoutError:
                account.refusals["given up"] += 1
            await asyncio.sleep(ENQUEUERS / rate * draw.uniform(0.5, 1.5))

    await asyncio.gather(*map(enqueuer, range(ENQUEUERS)))


def _described(error: Exception) -> str:
    """Name an undocumented error and the line of naq's that let it pass."""
    frames = [
        each for each in traceback.extract_tb(error.__traceback__) if "/naq/" in each.filename
    ]
    where = (
        f" at {frames[-1].filename.rpartition('/naq/')[2]}:{frames[-1].lineno}" if frames else ""
    )
    return f"{type(error).__module__}.{type(error).__name__}{where}"
