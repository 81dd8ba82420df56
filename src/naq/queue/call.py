"""Turns the arguments of ``enqueue`` into a job: arguments of the call, and settings."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from naq.exceptions import JobError
from naq.models.definition import Definition
from naq.models.job import Job
from naq.models.settings import ELSEWHERE
from naq.names import DEFAULT_QUEUE

_OPTIONS: Final = frozenset(inspect.signature(Job).parameters) - {
    "function",
    "args",
    "kwargs",
    "queue",
}

_NEAR: Final = 0.8
"""The similarity from which a name is taken for a misspelt setting."""


def make_job(
    function: Callable[..., Any] | str | Job,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    queue: str | None = None,
) -> Job:
    """Return the job for the arguments of ``enqueue``.

    Args:
        function: a function, its name, or a job, which stands for itself.
        args: the call's positional arguments.
        kwargs: the call's keyword arguments and, by their names, the settings of :class:`Job`.
        queue: the queue's name.

    Raises:
        JobError: a setting makes no sense or is misspelt, a name is both a setting and a
            parameter of the function, or a job comes with further arguments.
    """
    if isinstance(function, Job):
        if args or kwargs:
            raise JobError("a job has its arguments and settings already: give it alone")
        return function
    if isinstance(function, Definition):
        return _job_of_task(function, args, kwargs, queue)
    queue = queue or DEFAULT_QUEUE
    if not kwargs:
        return Job(function, args, queue=queue)
    settings = {name: kwargs[name] for name in kwargs.keys() & _OPTIONS}
    call = {name: value for name, value in kwargs.items() if name not in _OPTIONS}
    _check_names(function, settings, call)
    return Job(function, args, call, queue=queue, **settings)


def _job_of_task(
    task: Definition, args: tuple[Any, ...], kwargs: Mapping[str, Any], queue: str | None
) -> Job:
    settings = {name: kwargs[name] for name in kwargs.keys() & _OPTIONS}
    call = {name: value for name, value in kwargs.items() if name not in _OPTIONS}
    _check_names(task.function, settings, call)
    if queue not in (None, DEFAULT_QUEUE):
        settings["queue"] = queue
    return task.make_job(args, call, settings)


def _check_names(
    function: Callable[..., Any] | str, settings: Iterable[str], call: Iterable[str]
) -> None:
    named, takes_any = (frozenset(), True) if isinstance(function, str) else _parameters(function)
    for name in settings:
        if name in named:
            raise JobError(
                f"{name} is a parameter of {_name(function)} and a setting of the job: enqueue "
                f"Job({_name(function)}, args, kwargs, {name}=...), which keeps them apart"
            )
    for name in call:
        if name in named:
            continue
        near = difflib.get_close_matches(name, sorted(_OPTIONS | {"max_retries"}), 1, _NEAR)
        if near:
            meant = ELSEWHERE.get(near[0], near[0])
            raise JobError(
                f"there is no setting {name}: do you mean {meant}? To pass {name} to "
                f"{_name(function)}, enqueue Job({_name(function)}, args, {{{name!r}: ...}})"
            )
        if not takes_any:
            raise JobError(
                f"{_name(function)} has no parameter {name}, nor has a job such a setting"
            )


def _name(function: Callable[..., Any] | str) -> str:
    return function if isinstance(function, str) else getattr(function, "__name__", repr(function))


def _parameters(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """Return the names that a function takes by keyword, and whether it takes any besides."""
    try:
        return _known_parameters(function)
    except (TypeError, ValueError):  # not hashable, or a builtin without a signature
        return frozenset(), True


@functools.lru_cache(maxsize=1024)
def _known_parameters(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    # The outermost function: a decorator may take other arguments than what it wraps.
    parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return (
        frozenset(each.name for each in parameters if each.kind in by_name),
        any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters),
    )
