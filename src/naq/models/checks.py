"""Checks of a job's settings as it is made: what a worker could not read is refused here."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final, NoReturn, get_args

from naq.exceptions import JobError
from naq.models.head import ParentPolicy
from naq.models.limit import Limit
from naq.models.retry import Fixed, RetryStrategy, exception_names
from naq.names import LONGEST_KEY, is_key, is_queue_name

_POLICIES: Final = get_args(ParentPolicy)
_NUMBERS: Final = (int, float)  # a constant: the expression would create the union at each call


def refuse(setting: str, expected: str, value: object) -> NoReturn:
    """Refuse the value of a setting.

    Raises:
        JobError: always; it names the setting, what it takes, and the value.
    """
    raise JobError(f"{setting} must be {expected}, not {reprlib.repr(value)}")


def is_number(value: object) -> bool:
    """Whether it is a number, which a truth value is not meant as."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def check_numbers(
    timeout: float | None, result_ttl: float | None, retries: int, max_crashes: int | None
) -> None:
    """Refuse numbers that are out of range, or none.

    Raises:
        JobError: one of them is; the message names it.
    """
    if timeout is not None and not timeout > 0:
        refuse("timeout", "a positive number of seconds", timeout)
    if result_ttl is not None and not 1 <= result_ttl <= 1e9:
        refuse("result_ttl", "from 1 to 1e9 seconds", result_ttl)
    if type(retries) is not int or retries < 0:
        refuse("retries", "a whole number, 0 or more", retries)
    if max_crashes is not None and (type(max_crashes) is not int or max_crashes < 1):
        refuse("max_crashes", "a whole number, 1 or more", max_crashes)


def check_choices(
    on_parent_failure: str,
    limit: Limit | None,
    *,
    isolated: bool,
    keep_result: bool,
    keep_arguments: bool,
) -> None:
    """Refuse what is no choice that there is.

    Raises:
        JobError: one of them is none; the message names it.
    """
    if on_parent_failure not in _POLICIES:
        refuse("on_parent_failure", "fail, cancel or run", on_parent_failure)
    if limit is not None and not isinstance(limit, Limit):
        refuse("limit", "a naq.Limit", limit)
    if type(isolated) is type(keep_result) is type(keep_arguments) is bool:
        return
    flags = {"isolated": isolated, "keep_result": keep_result, "keep_arguments": keep_arguments}
    for name, value in flags.items():
        if type(value) is not bool:
            refuse(name, "True or False", value)


def seconds_of(setting: str, duration: float | timedelta) -> float:
    """Return a length of time in seconds.

    Raises:
        JobError: it is none; the message names the setting.
    """
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if not is_number(duration):
        refuse(setting, "a number of seconds or a timedelta", duration)
    return duration


def moment_of(created_at: float) -> float:
    """Return the time at which a job was made.

    Raises:
        JobError: it is no number.
    """
    if not is_number(created_at) or not math.isfinite(created_at):
        refuse("created_at", "seconds since the epoch", created_at)
    return float(created_at)


def strategy_of(retry: RetryStrategy | float) -> RetryStrategy:
    """Return the strategy of a job's retries; a number is a fixed delay.

    Raises:
        JobError: it is no strategy.
    """
    if callable(retry):
        return retry
    if not is_number(retry):
        refuse("retry", "a strategy, a function or a number of seconds", retry)
    return Fixed(retry)


def names_of(setting: str, classes: Iterable[type[BaseException] | str]) -> tuple[str, ...]:
    """Return exception classes by their names.

    Raises:
        JobError: they are none; the message names the setting.
    """
    several = None if isinstance(classes, str) or not isinstance(classes, Iterable) else [*classes]
    if several is None or not all(map(_is_exception, several)):
        refuse(setting, "a list of exception classes, or of names as module:Class", classes)
    return exception_names(several)


def _is_exception(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, type) and issubclass(value, BaseException))


def lists_of(pass_results: bool | Sequence[int | None]) -> tuple[int, ...]:
    """Return how results are passed, as the head of a job holds it.

    Raises:
        JobError: it is neither a truth value nor a sequence of numbers and None.
    """
    if isinstance(pass_results, bool):
        return ()
    is_sequence = isinstance(pass_results, Sequence) and not isinstance(pass_results, str)
    if not is_sequence or not all(size is None or type(size) is int for size in pass_results):
        refuse("pass_results", "True, False or a list of whole numbers and None", pass_results)
    return tuple(-1 if size is None else size for size in pass_results)


def ids_of(jobs: Any) -> tuple[str, ...]:
    """Return the ids of jobs, of their handles, or of the ids themselves, each once.

    Raises:
        JobError: one is no id of a job.
    """
    if not jobs:
        return ()
    several = jobs if isinstance(jobs, Iterable) and not isinstance(jobs, str) else (jobs,)
    ids: list[Any] = [
        each if isinstance(each, str) else getattr(each, "job_id", None) for each in several
    ]
    if None in ids:
        refuse("depends_on", "a job, a handle, an id, or a list of them", jobs)
    return tuple(map(checked_id, dict.fromkeys(ids)))


def check_queue_name(name: str) -> None:
    """Refuse what can't be the name of a queue.

    Raises:
        JobError: it is empty, too long, or no text.
    """
    if not isinstance(name, str):
        refuse("queue", "a name", name)
    if not name:
        raise JobError("a queue needs a name")
    if not is_queue_name(name):
        raise JobError(
            f"queue {name[:40]!r}: the name is too long, or no text that UTF-8 can write"
        )


def checked_id(job_id: str) -> str:
    """Return the id of a job.

    Raises:
        JobError: it is none.
    """
    if not isinstance(job_id, str):
        refuse("job_id", "text", job_id)
    if not is_key(job_id):
        raise JobError(
            f"job id {job_id[:40]!r}: use letters, digits and -/_=. with no dot at an end, "
            f"{LONGEST_KEY} of them at most"
        )
    return job_id
