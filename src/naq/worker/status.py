"""The status of workers: the key-value bucket ``worker_status``.

A worker's status is its id's value there. Putting it again, changed or not, is the worker's
heartbeat: the server writes down when.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nats.js.errors import KeyNotFoundError

from naq.buckets import entries, server_time, stored_at
from naq.config import Config, as_config
from naq.connection import nats_jetstream, nats_kv_store
from naq.exceptions import SerializationError
from naq.models import WORKER_STATUS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerInfo:
    """A worker, as it last described itself.

    Args:
        worker_id: its id.
        status: its status.
        last_seen: the time of its last heartbeat, by the server's clock.
        stale: whether it has been silent for too long, and is presumed dead.
        details: its host, its queues and so on.
    """

    worker_id: str
    status: WORKER_STATUS
    last_seen: datetime
    stale: bool
    details: Mapping[str, Any] = field(default_factory=dict)


class WorkerStatusManager:
    """Stores, reads and lists the status of workers.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, config: Config | str | None = None) -> None:
        self.config = as_config(config)
        self._names = self.config.names

    async def update_worker_status(self, worker_id: str, status: WORKER_STATUS) -> None:
        """Store the status of a worker, which is its heartbeat too."""
        async with nats_kv_store(self._names.worker_status, self.config) as kv:
            await kv.put(worker_id, status.value.encode())

    async def get_worker_status(self, worker_id: str) -> WORKER_STATUS | None:
        """Return the status of a worker, or None when there is none."""
        async with nats_kv_store(self._names.worker_status, self.config) as kv:
            try:
                entry = await kv.get(worker_id)
            except KeyNotFoundError:
                return None
            return _status(entry.value)

    async def get_all_workers_status(self) -> dict[str, WORKER_STATUS]:
        """Return the status of every worker by its id, ordered by id."""
        async with nats_kv_store(self._names.worker_status, self.config) as kv:
            stored = await entries(kv)
            return {worker_id: _status(stored[worker_id].value) for worker_id in sorted(stored)}

    async def batch_update_status(self, updates: Mapping[str, WORKER_STATUS]) -> None:
        """Store the status of several workers, in order, up to the first that fails."""
        async with nats_kv_store(self._names.worker_status, self.config) as kv:
            try:
                for worker_id, status in updates.items():
                    await kv.put(worker_id, status.value.encode())
            except Exception as error:
                logger.error("Batch status update failed: %s", error)
                raise

    async def update_worker_details(self, worker_id: str, details: Mapping[str, Any]) -> None:
        """Store the details of a worker.

        Args:
            worker_id: the worker's id.
            details: values of JSON's types, by name.

        Raises:
            SerializationError: a value is not of JSON's types.
        """
        try:
            document = json.dumps(dict(details), separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise SerializationError(f"the details of worker {worker_id}: {error}") from error
        async with nats_kv_store(self._names.worker_details, self.config) as kv:
            await kv.put(worker_id, document.encode())

    async def list_workers(self, *, stale_after: float | None = None) -> list[WorkerInfo]:
        """Return every worker that is known, ordered by id.

        Args:
            stale_after: seconds of silence after which a worker is presumed dead; the
                configuration's ``worker_stale_after`` when None.
        """
        patience = self.config.worker_stale_after if stale_after is None else stale_after
        async with nats_jetstream(self.config) as (conn, js):
            stored = await entries(await js.key_value(self._names.worker_status))
            now = await server_time(conn, self._names.worker_status)
            details_of = await entries(await js.key_value(self._names.worker_details))
        workers = []
        for worker_id in sorted(stored):
            try:
                status = _status(stored[worker_id].value)
            except ValueError as error:  # one bad entry does not hide the others
                logger.error("the status of worker %s cannot be read: %s", worker_id, error)
                continue
            last_seen = stored_at(stored[worker_id])
            details = details_of[worker_id].value if worker_id in details_of else None
            workers.append(
                WorkerInfo(
                    worker_id,
                    status,
                    last_seen=last_seen,
                    stale=(now - last_seen).total_seconds() > patience,
                    details=_details(details),
                )
            )
        return workers

    async def remove_worker(self, worker_id: str) -> None:
        """Remove a worker from the list; one that does not exist is no error."""
        async with nats_jetstream(self.config) as (_, js):
            for bucket in (self._names.worker_status, self._names.worker_details):
                kv = await js.key_value(bucket)
                await kv.delete(worker_id)


def _status(value: bytes | None) -> WORKER_STATUS:
    return WORKER_STATUS((value or b"").decode())


def _details(value: bytes | None) -> dict[str, Any]:
    """Return a worker's details; none where they cannot be read."""
    try:
        details = json.loads(value or b"{}")
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}
