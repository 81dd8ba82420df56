"""The allow list of a worker: functions named by its operator."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

from naq.exceptions import JobError, JobRefusedError, SerializationError
from naq.models.functions import import_function, name_of
from naq.models.job import Job


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

    def _look_at(self, name: str) -> bool:
        if name in self._functions:
            return True
        module, _, qualified = name.partition(":")
        parts = qualified.split(".")
        if module not in self._modules or any(part.startswith("_") for part in parts):
            return False
        first = getattr(sys.modules[module], parts[0], None)
        try:
            found = import_function(name)
        except SerializationError:
            return False
        return all(getattr(each, "__module__", None) == module for each in (first, found))


def _import(name: str) -> None:
    try:
        import_function(name) if ":" in name else importlib.import_module(name)
    except Exception as error:
        if isinstance(error, SerializationError):
            raise JobError(str(error)) from error
        raise JobError(f"cannot import {name}: {type(error).__name__}: {error}") from error
