"""The state of limits, in the bucket ``job_limits``: compare-and-set decides who comes first.

A job that runs under a limit of ``at_once`` holds one of so many slots. Its worker renews the slot, so
one whose worker has died is free again after ``LEASE`` seconds by the server's clock; the same job,
delivered again, takes its own slot at once. A limit of ``per_second`` is the time of the next turn.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError

from naq.models.limit import Limit
from naq.names import Names, kv_subject, token
from naq.scheduling.clock import ServerClock

LEASE: Final = 30.0
"""Seconds for which a slot is held without a sign of its worker."""

RENEW: Final = 8.0
"""Seconds between two renewals of a slot."""

_FARTHEST: Final = 2 * 3600.0
"""Seconds from now for which a turn may be taken."""

_CONFLICT: Final = 10071
"""nats-server's code for "wrong last sequence"."""


@dataclass(slots=True)
class Slot:
    """A slot that a job holds.

    Args:
        key: its key in the bucket.
        job_id: the job's id.
        revision: the number of its last renewal.
        renewed_at: monotonic time of that.
    """

    key: str
    job_id: str
    revision: int
    renewed_at: float


@dataclass(frozen=True, slots=True)
class _Stored:
    revision: int = 0
    value: bytes = b""
    stored_at: float = 0.0

    @property
    def job_id(self) -> str:
        """The id of the job that holds the slot; "" if none does."""
        return self.value.partition(b" ")[0].decode(errors="replace")

    def turn(self, now: float) -> float:
        """Return the time of the next turn; 0 for what makes no sense, which must not block."""
        try:
            turn = float(self.value or 0)
        except ValueError:
            return 0.0
        return turn if turn < now + _FARTHEST else 0.0


class SlotStore:
    """Takes and frees slots, and takes turns.

    Args:
        names: the names of the application.
        conn: a connection.
        js: its JetStream context.
    """

    def __init__(self, names: Names, conn: Client, js: JetStreamContext) -> None:
        self._bucket = names.job_limits
        self._conn = conn
        self._js = js
        self._clock = ServerClock(self._bucket)
        self._connected_at = time.monotonic()
        self._owner = os.urandom(4).hex()

    async def reconnected(self) -> None:
        """Note that the servers are there again: holders of slots have to have time to renew them.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        self._connected_at = time.monotonic()
        await self.set_clock()

    async def set_clock(self) -> None:
        """Ask for the server's time.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        await self._clock.set(self._conn)

    async def take(self, limit: Limit, job_ids: Collection[str]) -> Slot | None:
        """Take a slot for one of several jobs; None if all are taken.

        The first of them has it, unless another one has a slot from before its worker died.

        Args:
            limit: the limit.
            job_ids: the ids of the jobs.

        Raises:
            nats.errors.Error: the server does not answer.
            nats.js.errors.APIError: the server refuses.
        """
        keys = [f"slot.{token(limit.key)}.{number}" for number in range(limit.at_once or 0)]
        stored = dict(zip(keys, await asyncio.gather(*map(self._read, keys)), strict=True))
        holders = {key: stored[key].job_id for key in keys}
        takers = {key: holder for key, holder in holders.items() if holder in job_ids}
        free = [key for key in keys if key not in takers and self._is_free(stored[key])]
        random.shuffle(free)
        takers |= dict.fromkeys(free, next(iter(job_ids)))
        for key, job_id in takers.items():
            revision = await self._write(key, self._held_by(job_id), stored[key].revision)
            if revision is not None:
                return Slot(key, job_id, revision, time.monotonic())
        return None

    async def renew(self, slot: Slot) -> bool:
        """Renew a slot; return whether it was still the job's.

        Raises:
            nats.errors.Error: the server does not answer.
            nats.js.errors.APIError: the server refuses.
        """
        revision = await self._change(slot, self._held_by(slot.job_id))
        if revision is None:
            return False
        slot.revision, slot.renewed_at = revision, time.monotonic()
        return True

    async def free(self, slot: Slot) -> None:
        """Give a slot back, unless somebody else has it.

        Raises:
            nats.errors.Error: the server does not answer.
            nats.js.errors.APIError: the server refuses.
        """
        await self._change(slot, b"")

    async def take_turn(self, limit: Limit) -> float:
        """Take the next turn, and return the seconds until it comes.

        Raises:
            nats.errors.Error: the server does not answer.
            nats.js.errors.APIError: the server refuses.
        """
        assert limit.per_second
        key = f"turn.{token(limit.key)}"
        while True:
            stored = await self._read(key)
            now = self._clock.now().timestamp()
            turn = max(stored.turn(now), now)
            after = repr(turn + 1 / limit.per_second).encode()
            if await self._write(key, after, stored.revision) is not None:
                return turn - now

    def _is_free(self, stored: _Stored) -> bool:
        if not stored.value:
            return True
        expired = stored.stored_at + LEASE < self._clock.now().timestamp()
        # After an outage every slot looks expired until its worker has renewed it.
        return expired and time.monotonic() - self._connected_at > 2 * RENEW

    def _held_by(self, job_id: str) -> bytes:
        return f"{job_id} {self._owner}".encode()

    async def _change(self, slot: Slot, value: bytes) -> int | None:
        """Write a slot that is this one's, also if a write of its own came in between."""
        revision = await self._write(slot.key, value, slot.revision)
        if revision is not None:
            return revision
        found = await self._read(slot.key)
        if found.value != self._held_by(slot.job_id):
            return None
        return await self._write(slot.key, value, found.revision)

    async def _read(self, key: str) -> _Stored:
        subject = kv_subject(self._bucket, key)
        try:
            found = await self._js.get_last_msg(f"KV_{self._bucket}", subject, direct=True)
        except NotFoundError:
            return _Stored()
        stored_at = datetime.fromisoformat((found.headers or {})["Nats-Time-Stamp"]).timestamp()
        return _Stored(found.seq or 0, found.data or b"", stored_at)

    async def _write(self, key: str, value: bytes, last: int) -> int | None:
        """Store a value if nobody has stored one since; return its number, None otherwise."""
        headers = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(last)}
        try:
            ack = await self._js.publish(kv_subject(self._bucket, key), value, headers=headers)
        except APIError as error:
            if error.err_code != _CONFLICT:
                raise
            return None
        return ack.seq
