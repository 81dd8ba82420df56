"""``naq enqueue``, ``naq job``, ``naq schedule`` and ``naq failed``."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Final, cast

import typer

from naq.buckets import ensure_buckets
from naq.cli.groups import group
from naq.cli.output import (
    AnyQueue,
    AsJson,
    QueueName,
    Url,
    ago,
    as_json,
    command,
    config_of,
    fail,
    log,
    say,
    shown,
    table,
    warn,
)
from naq.config import Config
from naq.exceptions import JobError, NaqError, ResultTimeoutError, ScheduleError
from naq.failed import FailedJobs
from naq.models.head import ParentPolicy
from naq.models.job import Job
from naq.models.schedule import Schedule
from naq.models.status import JOB_STATUS, Enqueued
from naq.names import DEFAULT_QUEUE
from naq.plural import counted
from naq.queue import control
from naq.queue.core import Queue
from naq.results import Results
from naq.scheduling import store
from naq.serializers import JSON
from naq.streams import DUPLICATE_WINDOW

_ENDS_WITHIN: Final = 1.0
"""Seconds that a cancelled job has to end, before the command reports that it still runs."""

job = group("Jobs: list, show, status, result, cancel.")
schedule = group("Scheduled jobs: list, add, run, pause, resume, cancel.")
failed = group("Failed jobs: list, show, requeue, purge.")

JobId = Annotated[str, typer.Argument(help="The job's id.")]
FunctionName = Annotated[str, typer.Argument(help="The function, as package.module:function.")]
Unpickle = Annotated[
    bool,
    typer.Option(
        "--unpickle",
        help="Unpickle results of any kind: a client that can write to the server can run code here.",
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(help="Its arguments, each as JSON, or else as text; name=value by name."),
]


def parse_arguments(given: list[str] | None) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the named arguments of a call from the command line's words."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for word in given or ():
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            kwargs[name] = _value(value)
        else:
            args.append(_value(word))
    return args, kwargs


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@command
async def enqueue(
    function: FunctionName,
    arguments: Arguments = None,
    queue: QueueName = DEFAULT_QUEUE,
    job_id: Annotated[str | None, typer.Option("--id", help="The job's id.")] = None,
    retries: Annotated[int, typer.Option(help="How many retries a failed job gets.")] = 0,
    retry_delay: Annotated[float, typer.Option(help="Seconds before a retry.")] = 0.0,
    timeout: Annotated[float | None, typer.Option(help="Seconds that it may take.")] = None,
    delay: Annotated[float | None, typer.Option("--in", help="Seconds from now.")] = None,
    after: Annotated[
        list[str] | None, typer.Option("--after", help="Id of a job that must succeed first.")
    ] = None,
    on_parent_failure: Annotated[
        str, typer.Option(help="If one of these fails: fail, cancel or run.")
    ] = "fail",
    pass_results: Annotated[
        bool, typer.Option("--pass-results", help="Their results come before its arguments.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Run it again although it has just ended.")
    ] = False,
    isolated: Annotated[bool, typer.Option(help="Run it in a process of its own.")] = False,
    unique: Annotated[
        bool, typer.Option("--unique", help="Not while an equal job is queued or runs.")
    ] = False,
    unique_for: Annotated[
        float | None,
        typer.Option(min=1e-6, help="Nor for so many seconds, if that one has succeeded."),
    ] = None,
    result_ttl: Annotated[
        float | None, typer.Option(help="Seconds for which the result is kept.")
    ] = None,
    serializer: Annotated[str, typer.Option(help="json or cloudpickle.")] = JSON.name,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    unpickle: Unpickle = False,
    wait_timeout: Annotated[
        float | None, typer.Option(min=1e-6, help="Wait for the result, at most so many seconds.")
    ] = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Put a job into a queue."""
    if delay is not None and delay < 0:
        fail(f"--in is a time to come, not {delay:g} seconds")
    args, kwargs = parse_arguments(arguments)
    made = Job(
        function,
        args,
        kwargs,
        job_id=job_id,
        queue=queue,
        retries=retries,
        retry=retry_delay,
        timeout=timeout,
        depends_on=after or (),
        on_parent_failure=cast(ParentPolicy, on_parent_failure),
        pass_results=pass_results,
        isolated=isolated,
        result_ttl=result_ttl,
        unique=unique_for or unique,
        serializer=serializer,
    )
    config = config_of(url)
    if delay is not None:
        await Queue(queue, config).enqueue_in(delay, made)
    else:
        made = await Queue(queue, config).enqueue(made, again=again)
    if made.enqueued is Enqueued.QUEUED:
        warn(f"nothing is enqueued: a job {made.job_id!r} is in the queue")
    elif made.enqueued is Enqueued.DONE:
        warn(
            f"nothing is enqueued: a job {made.job_id!r} ended within the last "
            f"{made.unique or DUPLICATE_WINDOW:g} s; --again runs it again"
        )
    if wait or wait_timeout is not None:
        log(verbose=False, json_=json_)  # of a connection that is lost, and back
        await ensure_buckets(config, (config.names.job_results,))
        results = Results(config, unpickle=unpickle)
        value = await results.fetch_job_result(made.job_id, timeout=wait_timeout)
        as_json({"job_id": made.job_id, "result": value}) if json_ else say(repr(value))
    elif json_:
        as_json(made.describe())
    else:
        say(made.job_id)


@job.command("status")
@command
async def job_status(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Show where a job stands."""
    info = await control.get_job(job_id, config_of(url))
    if info is None:
        raise JobError(f"nothing is known of a job {job_id!r}")
    described = info.describe()
    if json_:
        as_json(described)
        return
    trace = described.pop("traceback", "")
    rows = {key: value for key, value in described.items() if value not in (None, [])}
    table(("", ""), ((key, shown(key, value)) for key, value in rows.items()))
    if trace:
        say(f"\n{trace.rstrip()}")


@job.command("result")
@command
async def job_result(
    job_id: JobId,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for it, however long.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for it.")] = 0.0,
    unpickle: Unpickle = False,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Print the result of a job."""
    config = config_of(url)
    if wait or timeout:
        log(verbose=False, json_=json_)  # of a connection that is lost, and back
    await ensure_buckets(config, (config.names.job_results,))
    try:
        value = await Results(config, unpickle=unpickle).fetch_job_result(
            job_id, timeout=None if wait and not timeout else timeout
        )
    except ResultTimeoutError:
        if await control.get_job(job_id, config) is None:
            raise JobError(f"nothing is known of a job {job_id!r}") from None
        raise
    as_json({"job_id": job_id, "result": value}) if json_ else say(repr(value))


@job.command("cancel")
@command
async def job_cancel(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Cancel a job that is scheduled, waits for others, is in a queue, or runs."""
    config = config_of(url)
    if not await control.cancel_job(job_id, config):
        raise JobError(f"there is no scheduled, waiting, queued or running job {job_id!r}")
    over = await _is_over(job_id, config)
    if json_:
        as_json({"job_id": job_id, "cancelled": over})
    else:
        say("cancelled" if over else "asked to end; it runs on for now")


async def _is_over(job_id: str, config: Config | str) -> bool:
    """Whether a job that is broken off ends at once, as most do."""
    deadline = time.monotonic() + _ENDS_WITHIN
    while info := await control.get_job(job_id, config):
        if info.status is not JOB_STATUS.RUNNING:
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


@schedule.command("list")
@command
async def schedule_list(url: Url = None, json_: AsJson = False) -> None:
    """List the scheduled jobs, the next due first."""
    listed = await store.list_schedules(
        config_of(url),
        unreadable=lambda job_id, error: warn(f"schedule {job_id!r} cannot be read: {error}"),
    )
    if json_:
        as_json([_schedule_as_json(each) for each in listed])
        return
    table(
        ("job", "function", "queue", "runs", "next", "status"),
        (
            (
                each.job_id,
                store.function_of(each),
                each.queue,
                _rule(each),
                ago(each.run_at) if each.run_at else "",
                each.status.value,
            )
            for each in listed
        ),
        empty="nothing is scheduled",
    )


def _rule(schedule: Schedule) -> str:
    if schedule.cron:
        return f"{schedule.cron} {schedule.timezone}"
    return f"every {schedule.interval:g} s" if schedule.interval else "once"


def _schedule_as_json(schedule: Schedule) -> dict[str, Any]:
    document = dataclasses.asdict(schedule)
    del document["payload"]
    document["run_at"] = schedule.run_at.isoformat() if schedule.run_at else None
    document["function"] = store.function_of(schedule) or None
    return document


@schedule.command("add")
@command
async def schedule_add(
    function: FunctionName,
    arguments: Arguments = None,
    cron: Annotated[str | None, typer.Option(help="A cron expression.")] = None,
    every: Annotated[float | None, typer.Option(help="Seconds between two runs.")] = None,
    at: Annotated[datetime | None, typer.Option(help="The (first) run, in UTC.")] = None,
    repeat: Annotated[int | None, typer.Option(help="How many runs. By default for ever.")] = None,
    timezone: Annotated[str, typer.Option(help="IANA name of the zone of --cron.")] = "UTC",
    overlap: Annotated[
        bool, typer.Option(help="Enqueue a run while the one before is queued or runs.")
    ] = True,
    queue: QueueName = DEFAULT_QUEUE,
    job_id: Annotated[str | None, typer.Option("--id", help="The job's id.")] = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Have a job run at a time, or again and again, by a scheduler."""
    args, kwargs = parse_arguments(arguments)
    made = Job(function, args, kwargs, job_id=job_id, queue=queue, serializer=JSON)
    where = Queue(queue, config_of(url))
    first = at.replace(tzinfo=UTC) if at else None
    if cron is None and every is None:
        if first is None:
            fail("give --cron, --every or --at")
        if repeat is not None:
            fail("--repeat needs --cron or --every")
        await where.enqueue_at(first, made)
    else:
        try:
            await where.schedule(
                made,
                cron=cron,
                interval=every,
                repeat=repeat,
                run_at=first,
                timezone=timezone,
                overlap=overlap,
            )
        except ScheduleError as error:
            if job_id is not None:
                raise
            # The user does not know a generated id.
            raise ScheduleError(str(error).removeprefix(f"schedule {made.job_id!r}: ")) from error
    as_json(made.describe()) if json_ else say(made.job_id)


@schedule.command("run")
@command
async def schedule_run(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Enqueue a scheduled job now, whatever its times."""
    run = await store.run_scheduled_job(job_id, config_of(url))
    as_json({"job_id": run, "schedule": job_id}) if json_ else say(run)


@schedule.command("pause")
@command
async def schedule_pause(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Let a scheduled job stay stored, and not run."""
    changed = await store.pause_scheduled_job(job_id, config_of(url))
    as_json(_schedule_as_json(changed)) if json_ else say("paused")


@schedule.command("resume")
@command
async def schedule_resume(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Let a paused job run again."""
    changed = await store.resume_scheduled_job(job_id, config_of(url))
    as_json(_schedule_as_json(changed)) if json_ else say("resumed")


@schedule.command("cancel")
@command
async def schedule_cancel(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Remove a scheduled job."""
    if not await store.cancel_scheduled_job(job_id, config_of(url)):
        raise NaqError(f"there is no scheduled job {job_id!r}")
    as_json({"job_id": job_id, "cancelled": True}) if json_ else say("cancelled")


@schedule.command("prune")
@command
async def schedule_prune(
    keep: Annotated[list[str] | None, typer.Option("--keep", help="Id of a job to keep.")] = None,
    owner: Annotated[str, typer.Option(help="The owner that the schedules were stored with.")] = "",
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Remove the recurring schedules of an owner, save for those to keep."""
    removed = await store.prune_schedules(keep or (), owner=owner, config=config_of(url))
    as_json({"pruned": removed}) if json_ else say(f"{counted(len(removed), 'schedule')} removed")


@failed.command("list")
@command
async def failed_list(
    queue: AnyQueue = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, help="How many of the latest; 0 is all.")
    ] = 100,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List the jobs that have failed for good, the latest first."""
    jobs = FailedJobs(config_of(url))
    listed = await jobs.list(queue, limit=limit or None)
    if json_:
        as_json([each.describe() for each in listed])
        return
    table(
        ("job", "function", "queue", "attempts", "failed", "error"),
        (
            (
                each.job.job_id,
                each.job.function_name,
                each.job.queue,
                each.failure.attempts,
                ago(each.failure.failed_at),
                str(each.failure).partition("\n")[0],
            )
            for each in listed
        ),
        empty="no job has failed",
    )
    if limit and len(listed) == limit and (count := await jobs.count()) > limit:
        warn(f"the latest {limit} of {counted(count, 'failed job')}; --limit 0 lists all")


@failed.command("show")
@command
async def failed_show(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Show why a job failed, with the worker's traceback."""
    each = await FailedJobs(config_of(url)).get(job_id)
    if each is None:
        raise JobError(f"there is no failed job {job_id!r}")
    as_json(each.describe()) if json_ else say(each.failure.traceback.rstrip())


@failed.command("requeue")
@command
async def failed_requeue(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Ids of failed jobs.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    queue: AnyQueue = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Put failed jobs into their queues again."""
    jobs = FailedJobs(config_of(url))
    if every == bool(job_ids):
        fail("give the ids of failed jobs, or --all")
    if every:
        count = await jobs.requeue_all(queue)
    else:
        for job_id in job_ids or ():
            await jobs.requeue(job_id)
        count = len(job_ids or ())
    as_json({"requeued": count}) if json_ else say(f"{counted(count, 'job')} requeued")


@failed.command("purge")
@command
async def failed_purge(queue: AnyQueue = None, url: Url = None, json_: AsJson = False) -> None:
    """Remove every failed job, or those of one queue."""
    count = await FailedJobs(config_of(url)).purge(queue)
    as_json({"purged": count}) if json_ else say(f"{counted(count, 'failed job')} removed")
