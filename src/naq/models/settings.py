"""The settings of tasks and of their jobs, as keyword arguments with types."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from naq.config import Config
from naq.exceptions import JobError
from naq.models.head import ParentPolicy
from naq.models.job import HasJobId
from naq.models.limit import Limit
from naq.models.retry import RetryStrategy
from naq.models.schedule import MissedRuns
from naq.serializers import Serializer

ELSEWHERE: Final = {
    "max_retries": "retries",
    "max_tries": "retries",
    "countdown": "delay",
    "eta": "at",
    "time_limit": "timeout",
}
"""Names that other queues have for a setting."""


class _Settings(TypedDict, total=False):
    queue: str
    timeout: float | timedelta | None
    retries: int
    retry: RetryStrategy | float
    retry_on: Iterable[type[BaseException] | str]
    ignore_on: Iterable[type[BaseException] | str]
    on_parent_failure: ParentPolicy
    pass_results: bool | Sequence[int | None]
    isolated: bool
    max_crashes: int | None
    keep_result: bool
    keep_arguments: bool
    result_ttl: float | timedelta | None
    unique: bool | float | timedelta
    limit: Limit | None


class TaskSettings(_Settings, total=False):
    """The settings of a task; :class:`naq.Job` describes them."""

    serializer: Serializer | str


class JobSettings(_Settings, total=False):
    """The settings of one job of a task: those of the task, and what holds for one job.

    ``delay`` is seconds (or a timedelta) until it is enqueued, ``at`` is the time for that;
    ``again`` runs it again although a job of its id ended within the last two minutes. ``config``
    is the configuration, or the URL of the server. ``cron`` to ``owner`` are those of
    :meth:`naq.Queue.schedule`.
    """

    job_id: str | None
    depends_on: HasJobId | str | Iterable[HasJobId | str]
    delay: float | timedelta | None
    at: datetime | None
    again: bool
    config: Config | str | None
    cron: str | None
    interval: float | timedelta | None
    repeat: int | None
    run_at: datetime | None
    timezone: str
    missed_runs: MissedRuns
    overlap: bool
    owner: str


OF_A_TASK: Final = TaskSettings.__optional_keys__
OF_A_JOB: Final = OF_A_TASK - {"serializer"} | {"job_id", "depends_on"}
OF_A_SCHEDULE: Final = frozenset(
    ["cron", "interval", "repeat", "run_at", "timezone", "missed_runs", "overlap", "owner"]
)


def check_names(settings: Mapping[str, Any], known: frozenset[str], of: str) -> None:
    """Refuse unknown settings.

    Args:
        settings: settings by their names.
        known: the names that there are.
        of: what they are settings of.

    Raises:
        JobError: there is an unknown one; the message names it, and the one that may be meant.
    """
    if settings.keys() <= known:
        return
    name = next(name for name in settings if name not in known)
    near = difflib.get_close_matches(name, [*known, *ELSEWHERE], 1, 0.75)
    meant = f"do you mean {ELSEWHERE.get(near[0], near[0])}?" if near else _list(known)
    raise JobError(f"{of}: there is no setting {name}: {meant}")


def _list(known: Iterable[str]) -> str:
    return f"the settings are {', '.join(sorted(known))}"
