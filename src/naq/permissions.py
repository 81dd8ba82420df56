"""The subjects that each role has to publish and subscribe to, for a server's configuration."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from naq.config import Config, as_config
from naq.names import Names

_API: Final = "$JS.API"

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


def permissions(role: Role | str, config: Config | str | None = None) -> Permissions:
    """Return what a user of a role has to be permitted, as nats-server's configuration has it.

    They suffice once `naq setup` has made the streams and buckets.

    Args:
        role: the role.
        config: a configuration, whose prefix the subjects have; a URL, or None for the process's
            configuration.

    Raises:
        ConfigurationError: a setting is bad.
        ValueError: there is no such role.
    """
    publish, subscribe = {
        Role.ENQUEUER: _enqueuer,
        Role.WORKER: _worker,
        Role.SCHEDULER: _scheduler,
        Role.DASHBOARD: _dashboard,
        Role.SETUP: _setup,
    }[Role(role)](as_config(config).names)
    return {
        "publish": {"allow": sorted(publish)},
        "subscribe": {"allow": sorted({"_INBOX.>", *subscribe})},
    }


_Subjects = tuple[set[str], set[str]]


def _enqueuer(names: Names) -> _Subjects:
    jobs = {
        f"{names.job_subjects}.>",
        *_read(names.job_stream),
        f"{_API}.STREAM.MSG.DELETE.{names.job_stream}",
    }
    jobs |= {
        f"{_API}.CONSUMER.LIST.{names.job_stream}",
        f"{_API}.CONSUMER.INFO.{names.job_stream}.>",
    }
    own = (names.waiting_jobs, names.scheduled_jobs, names.job_results, names.job_status)
    publish = jobs | _use(own) | _use((names.job_progress,), write=False)
    publish |= {
        f"$KV.{names.failed_jobs}.>",
        names.event_subject(">"),
        f"{names.cancel_subjects}.*",
    }
    return publish, {f"$KV.{names.job_results}.>"}


def _worker(names: Names) -> _Subjects:
    publish = {
        f"{names.job_subjects}.>",
        f"$JS.ACK.{names.job_stream}.>",
        names.event_subject(">"),
        "_INBOX.>",  # answers who asks to cancel a job
        *_read(names.job_stream),
        *_consume(names.job_stream),
        *(f"{_API}.STREAM.INFO.{stream}" for stream in names.streams),
    }
    subscribe = {f"{names.cancel_subjects}.*", f"$KV.{names.job_limits}.>"}
    return publish | _use(names.buckets), subscribe


def _scheduler(names: Names) -> _Subjects:
    publish = {f"{names.job_subjects}.>", *_read(names.job_stream)}
    publish |= _use((names.scheduled_jobs, names.leaders))
    return publish | _use((names.job_results,), write=False), set()


def _dashboard(names: Names) -> _Subjects:
    publish, subscribe = _enqueuer(names)
    publish |= {
        f"{_API}.STREAM.PURGE.{names.job_stream}",
        f"{_API}.CONSUMER.PAUSE.{names.job_stream}.>",
        f"{_API}.CONSUMER.DURABLE.CREATE.{names.job_stream}.>",
        f"{_API}.CONSUMER.CREATE.{names.job_stream}.>",
        *_read(names.event_stream),
        *_consume(names.event_stream),
    }
    watched = (
        names.worker_status,
        names.scheduled_jobs,
        names.waiting_jobs,
        names.failed_jobs,
        names.job_status,
        names.set_aside,
    )
    subscribe |= {names.event_subject(">"), *(f"$KV.{bucket}.>" for bucket in watched)}
    return publish | _use(names.buckets), subscribe


def _setup(names: Names) -> _Subjects:
    streams = {*names.streams, *(f"KV_{bucket}" for bucket in names.buckets)}
    actions = ("INFO", "CREATE", "UPDATE")
    publish = {f"{_API}.STREAM.{action}.{stream}" for action in actions for stream in streams}
    return publish | {f"{_API}.INFO"}, set()


def _use(buckets: Iterable[str], *, write: bool = True) -> set[str]:
    """Return what reading, watching and writing buckets takes."""
    subjects: set[str] = set()
    for bucket in buckets:
        stream = f"KV_{bucket}"
        subjects |= _read(stream) | _consume(stream)
        if write:
            subjects |= {f"$KV.{bucket}.>", f"{_API}.STREAM.PURGE.{stream}"}
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
