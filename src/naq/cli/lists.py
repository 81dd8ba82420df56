"""``naq job list`` and ``naq job show``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import typer

from naq.cli.jobs import JobId, job
from naq.cli.output import AnyQueue, AsJson, Url, ago, as_json, command, config_of, say, table, warn
from naq.exceptions import JobError
from naq.inspection import JobDetails, job_details, list_jobs
from naq.inspection.moments import moment
from naq.models.info import JobInfo

_WIDEST: Final = 60
"""Characters of the arguments in a row."""


@job.command("list")
@command
async def job_list(
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            "-s",
            help="Only jobs of this state; may be given several times: scheduled, waiting, queued, "
            "running, retrying, completed, failed, cancelled.",
        ),
    ] = None,
    queue: AnyQueue = None,
    task: Annotated[
        str | None,
        typer.Option(help="Only this function, as package.module:function; * is any characters."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Only what came into its state since: 90s, 5min, 2h, 7d, or a time."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many of the latest.")
    ] = 50,
    page: Annotated[
        str | None, typer.Option(help="The next page: `next` of the one before.")
    ] = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """List jobs of any state, those first that came into their state last."""
    listed = await list_jobs(
        config_of(url),
        states=states or (),
        queue=queue,
        task=task,
        since=None if since is None else moment(since),
        limit=limit,
        page=page,
    )
    if json_:
        as_json(listed.describe())
        return
    table(
        ("job", "state", "since", "function", "queue", "arguments", "attempts", "worker"),
        (_row(each) for each in listed.jobs),
        empty="there are no such jobs",
    )
    if listed.searched_to is not None:
        warn(f"looked at 10,000 jobs, back to {ago(listed.searched_to)}")
    if listed.next is not None:
        warn(f"the next page: --page {listed.next}")


def _row(info: JobInfo) -> tuple[Any, ...]:
    arguments = str(info.arguments)
    return (
        info.job_id,
        info.status.value,
        ago(info.since) if info.since else "",
        info.job.function_name if info.job else "",
        info.job.queue if info.job else "",
        arguments if len(arguments) <= _WIDEST else f"{arguments[: _WIDEST - 3]}...",
        info.run.attempts if info.run else info.failures or "",
        info.worker,
    )


@job.command("show")
@command
async def job_show(job_id: JobId, url: Url = None, json_: AsJson = False) -> None:
    """Show a job: arguments, result, attempts, times, worker, traceback, events. Unpickles nothing."""
    details = await job_details(job_id, config_of(url))
    if details is None:
        raise JobError(f"nothing is known of a job {job_id!r}")
    if json_:
        as_json(details.describe())
        return
    _show(details)


def _show(details: JobDetails) -> None:
    described = details.describe()
    events, trace = described.pop("events"), described.pop("traceback", "")
    for name in ("frame", "all_events", "result_hidden"):
        described.pop(name, None)
    described["arguments"] = str(details.info.arguments)
    if details.hidden:
        described["result"] = f"({details.hidden})"
    table(("", ""), ((name, _shown(name, value)) for name, value in described.items() if value))
    if details.frame is not None:
        frame = details.frame
        say(f"\n{frame.file}, line {frame.line}, in {frame.function}\n    {frame.code}")
    if trace:
        say(f"\n{trace.rstrip()}")
    if events:
        say("")
        table(
            ("event", "time", ""),
            ((e["type"], _time(e["time"]), e["data"].get("error", "")) for e in events),
        )
    if not details.all_events:
        warn("only the first 10,000 events after it was enqueued were looked at")


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, float) and (name.endswith("_at") or name == "since"):
        return _time(value)
    return value


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "milliseconds")
