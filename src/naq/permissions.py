"""The subjects that each role has to publish and subscribe to, for a server's configuration."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from naq import buckets
from naq.names import CANCEL_SUBJECTS, JOB_STREAM, JOB_SUBJECTS
from naq.streams import EVENT_STREAM, SYSTEM_EVENT_STREAM

_API: Final = "$JS.API"
_STREAMS: Final = (JOB_STREAM, EVENT_STREAM, SYSTEM_EVENT_STREAM)

Permissions = dict[str, dict[str, list[str]]]


class Role(StrEnum):
    """Who uses naq's streams and buckets."""

    ENQUEUER = "enqueuer"
    """Enqueues and schedules jobs, looks at them, cancels them, and fetches their results."""
    WORKER = "worker"
    """Runs jobs."""
    SCHEDULER = "scheduler"
    """Puts scheduled jobs into their queues."""
    DASHBOARD = "dashboard"
    """Shows and controls everything: the dashboard, and the commands that list and requeue."""
    SETUP = "setup"
    """Makes and changes streams and buckets."""


def permissions(role: Role | str) -> Permissions:
    """Return what a user of a role has to be permitted, as nats-server's configuration has it.

    They suffice once `naq setup` has made the streams and buckets.

    Args:
        role: the role.

    Raises:
        ValueError: there is no such role.
    """
    publish, subscribe = {
        Role.ENQUEUER: _enqueuer,
        Role.WORKER: _worker,
        Role.SCHEDULER: _scheduler,
        Role.DASHBOARD: _dashboard,
        Role.SETUP: _setup,
    }[Role(role)]()
    return {
        "publish": {"allow": sorted(publish)},
        "subscribe": {"allow": sorted({"_INBOX.>", *subscribe})},
    }


_Subjects = tuple[set[str], set[str]]


def _enqueuer() -> _Subjects:
    jobs = {f"{JOB_SUBJECTS}.>", *_read(JOB_STREAM), f"{_API}.STREAM.MSG.DELETE.{JOB_STREAM}"}
    jobs |= {f"{_API}.CONSUMER.LIST.{JOB_STREAM}", f"{_API}.CONSUMER.INFO.{JOB_STREAM}.>"}
    own = (buckets.WAITING_JOBS, buckets.SCHEDULED_JOBS, buckets.JOB_RESULTS, buckets.JOB_STATUS)
    publish = jobs | _use(own) | _use((buckets.JOB_PROGRESS,), write=False)
    publish |= {f"$KV.{buckets.FAILED_JOBS}.>", "events.>", f"{CANCEL_SUBJECTS}.*"}
    return publish, {f"$KV.{buckets.JOB_RESULTS}.>"}


def _worker() -> _Subjects:
    publish = {
        f"{JOB_SUBJECTS}.>",
        f"$JS.ACK.{JOB_STREAM}.>",
        "events.>",
        "_INBOX.>",  # answers who asks to cancel a job
        *_read(JOB_STREAM),
        *_consume(JOB_STREAM),
        *(f"{_API}.STREAM.INFO.{stream}" for stream in _STREAMS),
    }
    return publish | _use(buckets.BUCKETS), {f"{CANCEL_SUBJECTS}.*"}


def _scheduler() -> _Subjects:
    publish = {f"{JOB_SUBJECTS}.>", *_read(JOB_STREAM)}
    publish |= _use((buckets.SCHEDULED_JOBS, buckets.LEADERS))
    return publish | _use((buckets.JOB_RESULTS,), write=False), set()


def _dashboard() -> _Subjects:
    publish, subscribe = _enqueuer()
    publish |= {
        f"{_API}.STREAM.PURGE.{JOB_STREAM}",
        *_read(EVENT_STREAM),
        *_consume(EVENT_STREAM),
    }
    return publish | _use(buckets.BUCKETS), subscribe


def _setup() -> _Subjects:
    streams = {*_STREAMS, *(f"KV_{bucket}" for bucket in buckets.BUCKETS)}
    actions = ("INFO", "CREATE", "UPDATE")
    publish = {f"{_API}.STREAM.{action}.{stream}" for action in actions for stream in streams}
    return publish | {f"{_API}.INFO"}, set()


def _use(names: Iterable[str], *, write: bool = True) -> set[str]:
    """Return what reading, watching and writing buckets takes."""
    subjects: set[str] = set()
    for name in names:
        stream = f"KV_{name}"
        subjects |= _read(stream) | _consume(stream)
        if write:
            subjects |= {f"$KV.{name}.>", f"{_API}.STREAM.PURGE.{stream}"}
    return subjects


def _read(stream: str) -> set[str]:
    return {
        f"{_API}.STREAM.INFO.{stream}",
        f"{_API}.STREAM.MSG.GET.{stream}",
        f"{_API}.DIRECT.GET.{stream}",
        f"{_API}.DIRECT.GET.{stream}.>",
    }


def _consume(stream: str) -> set[str]:
    return {
        f"{_API}.STREAM.NAMES",  # an older nats-py looks up the stream of a bucket that it watches
        f"{_API}.CONSUMER.CREATE.{stream}",
        f"{_API}.CONSUMER.CREATE.{stream}.>",
        f"{_API}.CONSUMER.DURABLE.CREATE.{stream}.>",
        f"{_API}.CONSUMER.INFO.{stream}.>",
        f"{_API}.CONSUMER.DELETE.{stream}.>",
        f"{_API}.CONSUMER.MSG.NEXT.{stream}.>",
        f"$JS.FC.{stream}.>",
    }
