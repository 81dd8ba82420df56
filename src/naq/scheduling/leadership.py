"""One leader among many: a lease in a bucket whose entries expire by themselves."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Final

from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from naq.buckets import ensure_buckets
from naq.config import Config
from naq.connection import nats_kv_store

logger = logging.getLogger(__name__)

_MARGIN: Final = 0.8
"""The part of the lease for which its holder trusts it: clocks differ, and answers take time."""


class Leadership:
    """One member's claim to lead.

    The member that creates the key leads. It renews the key from the revision that it wrote
    last; the server forgets it when that stops. So two can't lead by their own account: one that
    was cut off stops by its clock before the server forgets.

    Args:
        config: where, and how long a lease lasts (``leader_ttl``).
        group: what is to be led; the key in the bucket ``leaders``.
        member: this member's id.
    """

    def __init__(self, config: Config, group: str, member: str) -> None:
        self._config = config
        self._group = group
        self._member = member
        self._ttl = config.leader_ttl
        self._revision: int | None = None
        self._until = 0.0

    @property
    def leads(self) -> bool:
        """Whether this member leads now."""
        return time.monotonic() < self._until

    @property
    def pause(self) -> float:
        """Seconds after which to campaign again: soon enough to renew, and to take over."""
        return self._ttl / 10

    async def campaign(self) -> bool:
        """Take the lead, or keep it; return whether this member leads now.

        Raises:
            NaqConnectionError: there is no connection.
            TimeoutError: the server did not answer.
            nats.errors.Error: the server could not be asked.
        """
        began = time.monotonic()
        value = json.dumps({"member": self._member}).encode()
        led = self.leads
        # An answer that takes longer than this comes too late to be of use.
        async with (
            asyncio.timeout(self._ttl / 3),
            nats_kv_store(self._config.names.leaders, self._config) as kv,
        ):
            try:
                if self._revision is None:
                    self._revision = await kv.create(self._group, value)
                else:
                    self._revision = await kv.update(self._group, value, last=self._revision)
            except KeyWrongLastSequenceError:
                self._revision = await self._own_revision(kv)
                if self._revision is None:
                    self._until = 0.0
                    if led:
                        logger.warning("%s has lost the lead of %s", self._member, self._group)
                return self.leads
            self._until = began + self._ttl * _MARGIN
        if not led:
            logger.info("%s leads %s", self._member, self._group)
        return self.leads

    async def _own_revision(self, kv: KeyValue) -> int | None:
        """Return the revision that this member wrote without ever hearing of it."""
        try:
            entry = await kv.get(self._group)
        except KeyNotFoundError:
            return None
        return entry.revision if _member(entry) == self._member else None

    async def resign(self) -> None:
        """Give up the lead; the next member that asks gets it. Idempotent."""
        revision, self._revision, self._until = self._revision, None, 0.0
        if revision is not None:
            async with nats_kv_store(self._config.names.leaders, self._config) as kv:
                try:
                    await kv.delete(self._group, last=revision)
                except APIError as error:
                    logger.debug("%s did not lead any more: %s", self._member, error)

    async def prepare(self) -> None:
        """Make the bucket ``leaders``, and learn how long leases last where it exists."""
        await ensure_buckets(self._config, (self._config.names.leaders,))
        async with nats_kv_store(self._config.names.leaders, self._config) as kv:
            self._ttl = (await kv.status()).ttl or self._config.leader_ttl


def _member(entry: KeyValue.Entry) -> str:
    """Return the id that an entry holds; "" if it holds something else."""
    try:
        return str(json.loads(entry.value or b"")["member"])
    except (ValueError, KeyError, TypeError):
        return ""
