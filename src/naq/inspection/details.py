"""One job with everything that is known of it: arguments, result, traceback, events."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import SerializationError
from naq.failed import FailedJobs
from naq.inspection.places import failed_info
from naq.jobs.lookup import stored_outcome
from naq.models.arguments import shown_value
from naq.models.event import Event
from naq.models.frames import Frame, user_frame
from naq.models.info import JobInfo
from naq.models.outcome import Outcome
from naq.models.status import JOB_STATUS
from naq.queue.control import get_job
from naq.stored import StoredMessage, StreamReader

MOST_EVENTS: Final = 10_000
"""Events of all jobs among which those of one are looked for."""

_NO_EVENT: Final = Event("", time=0.0)

_MARGIN: Final = 5.0
"""Seconds by which the clocks of machines may differ."""


@dataclass(frozen=True)
class JobDetails:
    """A job with its history.

    Args:
        info: its state.
        result: its result as text; None if there is none.
        hidden: why there is a result that is not shown; "" otherwise.
        frame: the last line of the traceback that is of the user's own code.
        events: its events, the oldest first.
        all_events: whether the search for its events has seen all that may be its own.
    """

    info: JobInfo
    result: str | None = None
    hidden: str = ""
    frame: Frame | None = None
    events: tuple[Event, ...] = field(default_factory=tuple)
    all_events: bool = True

    def describe(self) -> dict[str, Any]:
        """Return it in JSON's types; times in seconds since the epoch."""
        arguments = self.info.arguments
        shown = self.info.describe()
        shown["arguments"] = {
            "args": list(arguments.args),
            "kwargs": arguments.kwargs,
            "hidden": arguments.hidden,
        }
        if self.result is not None or self.hidden:
            shown |= {"result": self.result, "result_hidden": self.hidden}
        if self.frame is not None:
            shown["frame"] = asdict(self.frame)
        shown["events"] = [asdict(event) for event in self.events]
        shown["all_events"] = self.all_events
        return shown


async def job_details(job_id: str, config: Config | str | None = None) -> JobDetails | None:
    """Return a job with its arguments, result, traceback and events; None for an unknown one.

    Nothing is unpickled but plain values. Its events are looked for among the first 10,000 events of
    all jobs after it was enqueued.

    Args:
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    info = await get_job(job_id, settings)
    if info is None:
        return None
    if info.status is JOB_STATUS.FAILED:
        failed = await FailedJobs(settings).get(job_id)
        info = failed_info(failed) if failed else info
    result, hidden = None, ""
    if info.status is JOB_STATUS.COMPLETED:
        result, hidden = await _result(job_id, settings)
    events, complete = await _events(info, settings)
    return JobDetails(
        info,
        result,
        hidden,
        user_frame(info.failure.traceback) if info.failure else None,
        events,
        complete,
    )


async def _result(job_id: str, config: Config) -> tuple[str | None, str]:
    async with nats_jetstream(config) as (_, js):
        outcome = await stored_outcome(js, config.names, job_id)
    if outcome is None or not outcome.succeeded:
        return None, ""
    try:
        return shown_value(*Outcome.value_bytes(outcome.data)), ""
    except SerializationError as error:
        return None, str(error)


async def _events(info: JobInfo, config: Config) -> tuple[tuple[Event, ...], bool]:
    run = info.run
    begin = (run.enqueued_at if run else 0.0) or (info.job.created_at if info.job else info.since)
    if not begin:
        return (), False
    end = run.ended_at + _MARGIN if run and run.ended_at else float("inf")
    own = info.job_id.encode()
    found: list[Event] = []
    looked_at = 0
    async with nats_jetstream(config) as (conn, js):
        reader = StreamReader(conn, js, config.names.event_stream)
        async for messages in reader.since(datetime.fromtimestamp(begin - _MARGIN, UTC)):
            candidates = (each for each in messages if own in each.data)
            found += [event for event in map(_read, candidates) if _is_of(event, info.job_id)]
            looked_at += len(messages)
            if messages[-1].time > end:
                break
            if looked_at >= MOST_EVENTS:
                return tuple(found), False
    return tuple(found), True


def _read(message: StoredMessage) -> Event:
    try:
        return Event.deserialize(message.data)
    except SerializationError:
        return _NO_EVENT


def _is_of(event: Event, job_id: str) -> bool:
    return isinstance(event.data, dict) and event.data.get("job_id") == job_id
