"""A phase's modules before, as rewritten by the codemod, and as they are now."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from naq.exceptions import NaqConnectionError, NaqError
from recorder.phases import Phase

VARIANTS = ("before", "fixed", "now")

MIGRATED = ("config", "connection", "exceptions", "models")
"""Relative imports of a fixed module that naq provides."""


def _load_file(name: str, path: Path, search: list[str] | None = None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Variant:
    """One of a phase's three states, whose modules load by the same names.

    Args:
        phase: the phase.
        state: ``before``, ``fixed`` or ``now``.
    """

    phase: Phase
    state: str

    @property
    def _package(self) -> str:
        return f"_{self.phase.name}_{self.state}"

    def load(self, module: str) -> Any:
        """Import a module, named as below ``before/``."""
        if self.state == "now":
            return importlib.import_module(self.phase.successor(module))
        if self._package not in sys.modules:
            self._make_package()
        return importlib.import_module(f"{self._package}.{module}")

    def _make_package(self) -> None:
        if self.state == "before":
            _load_file(self._package, self.phase.before / "__init__.py", [str(self.phase.before)])
            return
        # The codemod's output imports `.connection` and `.config`, which are naq's own now.
        package = ModuleType(self._package)
        package.__path__ = [str(self.phase.fixed)]
        sys.modules[self._package] = package
        for name in MIGRATED:
            sys.modules[f"{self._package}.{name}"] = importlib.import_module(f"naq.{name}")


def load_scenario(phase: Phase) -> Any:
    """Import the phase's scenario: ``BUCKETS``, ``STREAMS``, ``prepare``, ``play`` and so on."""
    return _load_file(f"_{phase.name}_scenario", phase.scenario)


@dataclass
class Journal:
    """The result or exception of each call of a scenario."""

    steps: list[dict[str, str]] = field(default_factory=list)

    async def call(self, label: str, awaitable: Awaitable[Any]) -> None:
        """Await one call and record its result, or the exception that a caller could catch."""
        step = {"call": label}
        try:
            step["result"] = repr(await awaitable)
        except Exception as error:  # noqa: BLE001 - every exception belongs in the record
            step["raised"] = caught_as(error)
        self.steps.append(step)


def caught_as(error: Exception) -> str:
    """Name the class by which callers caught an error before the migration.

    They knew the builtins, nats-py's errors and naq's, but not those of its connections.
    """
    for kind in inspect.getmro(type(error)):
        known = kind.__module__.split(".")[0] in ("builtins", "nats", "naq")
        if known and kind is not NaqError and not issubclass(kind, NaqConnectionError):
            return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    raise AssertionError("every exception has a builtin base")
