"""The allow list of a worker: functions named by its operator."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from naq.exceptions import JobError, JobRefusedError, SerializationError
from naq.models.definition import Definition
from naq.models.functions import import_function, import_module, name_of
from naq.models.job import Job
from naq.names import DEFAULT_QUEUE


class AllowList:
    """The functions that a worker may run.

    A module allows what is defined in it, at any depth, and nothing that it has imported or whose
    name begins with an underscore: ``app.tasks:os.system`` is no function of ``app.tasks``.

    Args:
        names: modules, as ``app.tasks``, and functions, themselves or as ``app.tasks:send``. They
            are imported at once.

    Raises:
        JobError: one of them cannot be imported.
    """

    def __init__(self, names: Iterable[Callable[..., Any] | str]) -> None:
        named = [name if isinstance(name, str) else name_of(name) for name in names]
        self._functions = frozenset(name for name in named if ":" in name)
        self._modules = frozenset(named) - self._functions
        for name in named:
            _import(name)
        self._definitions = {each.name: each for each in self._find_tasks()}
        for task in self._definitions.values():
            task.check()
        self._allows = functools.lru_cache(maxsize=4096)(self._look_at)

    def check(self, job: Job) -> None:
        """Refuse a job that calls what is not allowed; its call is not read for that.

        Raises:
            JobRefusedError: its function, or its retry strategy, is not allowed.
        """
        for name in (job.function_name, job.retry_function):
            if name is not None and not self._allows(name):
                raise JobRefusedError(
                    f"this worker may not run {name}: allowed are "
                    f"{', '.join(sorted(self._functions | self._modules)) or 'no functions'}"
                )

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that the allowed tasks name, in alphabetical order."""
        named = {each.settings.get("queue", DEFAULT_QUEUE) for each in self._definitions.values()}
        return tuple(sorted(named))

    def serializer_of(self, job: Job) -> str | None:
        """Return the serializer that a job's task names; None if it is no task."""
        task = self._definitions.get(job.function_name)
        return None if task is None else task.serializer.name

    def _find_tasks(self) -> Iterator[Definition]:
        for name in self._modules:
            for found in vars(import_module(name)).values():
                if isinstance(found, Definition) and found.__module__ == name:
                    yield found
        for name in self._functions:
            function = import_function(name)
            if isinstance(function, Definition):
                yield function

    def _look_at(self, name: str) -> bool:
        if name in self._functions:
            return True
        module, _, qualified = name.partition(":")
        parts = qualified.split(".")
        if module not in self._modules or any(part.startswith("_") for part in parts):
            return False
        first = getattr(import_module(module), parts[0], None)
        try:
            found = import_function(name)
        except SerializationError:
            return False
        return all(getattr(each, "__module__", None) == module for each in (first, found))


def _import(name: str) -> None:
    try:
        import_function(name) if ":" in name else import_module(name)
    except Exception as error:
        if isinstance(error, SerializationError):
            raise JobError(str(error)) from error
        raise JobError(f"cannot import {name}: {type(error).__name__}: {error}") from error
