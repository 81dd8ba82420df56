"""The calls that hold the worker before, fixed and now together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naq.config import Config
from naq.connection import nats_jetstream
from naq.models import JOB_STATUS, Job, JobFailure
from naq.models.failed import FailedJob
from naq.streams import job_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

BUCKETS = ["job_results", "job_status", "failed_jobs"]
STREAMS = ["naq_jobs"]

JOBS = {
    "three": Job("builtins:len", ("abc",), job_id="three", created_at=0.0),
    "bad": Job("builtins:int", ("abc",), job_id="bad", created_at=0.0),
}


async def prepare(js: JetStreamContext) -> None:
    """Make stream and buckets; put two jobs on the queue and two among the failed ones."""
    await js.add_stream(job_stream(Config()))
    for bucket in BUCKETS:
        await js.create_key_value(bucket=bucket)
    for job in JOBS.values():
        await js.publish(f"naq.jobs.default.{job.job_id}", job.serialize())
    failed = await js.key_value("failed_jobs")
    for number, job_id in enumerate(("f1", "f2")):
        job = Job("builtins:len", ("abc",), job_id=job_id, created_at=0.0)
        failure = JobFailure("builtins:OSError", "disk full", "", failed_at=float(number))
        await failed.put(job_id, FailedJob(job, failure).serialize())


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Run jobs that succeed and fail, say how far they are, look at what failed before."""
    worker = variant.load("worker.core").Worker("default", url)
    failed = variant.load("worker.failed").FailedJobs(url)
    call = journal.call
    async with nats_jetstream(url) as (_, js):
        messages = await _take(js, len(JOBS))
        await call("run a job", worker.process_message(messages["three"]))
        await call("run one that fails", worker.process_message(messages["bad"]))
    await call("say that it runs", worker.update_job_status("three", JOB_STATUS.RUNNING))
    await call("say that it is done", worker.update_job_status("three", JOB_STATUS.COMPLETED))
    await call("say it under a bad key", worker.update_job_status("a job", JOB_STATUS.RUNNING))
    await call("list the failed jobs", _ids(failed.list()))
    await call("requeue one", failed.requeue("f1"))
    await call("requeue it again", failed.requeue("f1"))
    await call("list what is left", _ids(failed.list()))
    await call("requeue the other", failed.requeue("f2"))
    await call("list nothing", _ids(failed.list()))


async def _ids(failed: Awaitable[list[FailedJob]]) -> list[str]:
    return [each.job.job_id for each in await failed]


async def _take(js: JetStreamContext, count: int) -> dict[str, Msg]:
    """Take messages from the queue, by the id of their job."""
    subscription = await js.pull_subscribe("naq.jobs.>", durable="naq_default", stream="naq_jobs")
    messages = await subscription.fetch(count, timeout=5)
    return {Job.deserialize(message.data).job_id: message for message in messages}


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """What goes wrong on a server without buckets."""
    worker = variant.load("worker.core").Worker("default", url)
    await journal.call(
        "status without a bucket", worker.update_job_status("j1", JOB_STATUS.RUNNING)
    )


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One call, again and again: what the phase is timed on."""
    worker = variant.load("worker.core").Worker("default", url)
    for _ in range(calls):
        await worker.update_job_status("three", JOB_STATUS.RUNNING)
