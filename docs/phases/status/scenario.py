"""The calls that hold the status of workers before, fixed and now together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naq.models import WORKER_STATUS

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

BUCKETS = ["worker_status"]
STREAMS: list[str] = []

BUSY, IDLE = WORKER_STATUS.BUSY, WORKER_STATUS.IDLE


async def prepare(js: JetStreamContext) -> None:
    """Make the bucket that the modules expect, and what a worker of an unknown kind left in it."""
    await js.create_key_value(bucket="worker_status")


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Write and read the status of workers, one by one and together; then what goes wrong."""
    manager = variant.load("worker.status").WorkerStatusManager(url)
    call = journal.call
    await call("list while there are none", manager.get_all_workers_status())
    await call("status of an unknown worker", manager.get_worker_status("w1"))
    await call("update one", manager.update_worker_status("w1", IDLE))
    await call("its status", manager.get_worker_status("w1"))
    await call("update it again", manager.update_worker_status("w1", BUSY))
    await call("its status now", manager.get_worker_status("w1"))
    await call("update two", manager.batch_update_status({"w2": IDLE, "w3": BUSY}))
    await call("list all", manager.get_all_workers_status())
    await call("update none", manager.batch_update_status({}))
    await call("update under a bad key", manager.update_worker_status("a worker", IDLE))
    await call(
        "update two, the second under a bad key",
        manager.batch_update_status({"w4": IDLE, "a worker": IDLE}),
    )
    await call("status under a bad key", manager.get_worker_status("a worker"))
    await call("list after the errors", manager.get_all_workers_status())


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """The same calls on a server that has no bucket."""
    manager = variant.load("worker.status").WorkerStatusManager(url)
    await journal.call("status without a bucket", manager.get_worker_status("w1"))
    await journal.call("list without a bucket", manager.get_all_workers_status())
    await journal.call("update without a bucket", manager.update_worker_status("w1", IDLE))
    await journal.call("update two without a bucket", manager.batch_update_status({"w1": IDLE}))


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One call, again and again: what the phase is timed on."""
    manager = variant.load("worker.status").WorkerStatusManager(url)
    for _ in range(calls):
        await manager.update_worker_status("w1", BUSY)
