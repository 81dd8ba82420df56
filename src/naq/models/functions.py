"""Functions by name: ``package.module:function``."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from naq.exceptions import SerializationError


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function as ``package.module:function``."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"


def home_of(function: Callable[..., Any]) -> str:
    """Return the module of a function, by the name under which a worker imports it.

    A program's own module is ``__main__`` while it runs, and has another name for a worker.
    """
    module = str(getattr(function, "__module__", ""))
    return (_main() or module) if module == "__main__" else module


def import_module(name: str) -> ModuleType:
    """Import a module; the running program is not imported a second time."""
    return _loaded(name) or importlib.import_module(name)


def _loaded(name: str) -> ModuleType | None:
    return sys.modules.get("__main__" if name not in sys.modules and name == _main() else name)


@functools.cache
def _main() -> str | None:
    """Return the name under which the running program can be imported; None if it has none."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    if file is None or not file.endswith(".py"):
        return None
    name = Path(file).stem
    return name if name.isidentifier() else None


@functools.lru_cache(maxsize=1024)
def is_importable(function: Callable[..., Any]) -> bool:
    """Whether another process finds this very function under its name."""
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if module is None or name is None or module == "__main__":
        return False
    found: Any = _loaded(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    # Each access creates a new bound method, so compare by value.
    return found is function or (found is not None and found == function)


@functools.lru_cache(maxsize=4096)
def import_function(name: str) -> Callable[..., Any]:
    """Import the function of a name such as ``package.module:function``.

    Raises:
        SerializationError: there is no such function to import here.
    """
    module, _, qualified = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in qualified.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise SerializationError(
            f"cannot import {name}: {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise SerializationError(f"{name} is no function, but a {type(found).__name__}")
    function: Callable[..., Any] = found
    return function
