"""The calls that hold the results of jobs before, fixed and now together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

BUCKETS = ["job_results"]
STREAMS: list[str] = []


async def prepare(js: JetStreamContext) -> None:
    """Make the bucket that the modules expect."""
    await js.create_key_value(bucket="job_results")


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Store, read, delete and clean up results; then what goes wrong."""
    results = variant.load("results").Results(url)
    call = journal.call
    await call("result of an unknown job", results.get_result("j1"))
    await call("store one", results.store_result("j1", {"rows": 3}))
    await call("its result", results.get_result("j1"))
    await call("store None", results.store_result("j2", None))
    await call("the result None", results.get_result("j2"))
    await call("replace one", results.store_result("j1", [1, 2, 3]))
    await call("the new result", results.get_result("j1"))
    await call("store a third", results.store_result("j3", "done"))
    await call("delete it", results.delete_result("j3"))
    await call("delete it again", results.delete_result("j3"))
    await call("its result after that", results.get_result("j3"))
    await call("clean up what is older than a day", results.cleanup_old_results())
    await call("the result after that", results.get_result("j1"))
    await call("clean up everything", results.cleanup_old_results(max_age_hours=0))
    await call("clean up nothing", results.cleanup_old_results(max_age_hours=0))
    await call("the result after all", results.get_result("j1"))
    await call("store another", results.store_result("j4", {"total": 4}))
    await call("store under a bad key", results.store_result("a job", 1))
    await call("delete under a bad key", results.delete_result("a job"))
    await call("the result after the errors", results.get_result("j4"))


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """The same calls on a server that has no bucket."""
    results = variant.load("results").Results(url)
    await journal.call("store without a bucket", results.store_result("j1", 1))
    await journal.call("read without a bucket", results.get_result("j1"))
    await journal.call("clean up without a bucket", results.cleanup_old_results())


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One call, again and again: what the phase is timed on."""
    results = variant.load("results").Results(url)
    for _ in range(calls):
        await results.store_result("j1", {"rows": 3})
