"""The settings of a project, and their validation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")


class SettingsError(ValueError):
    """An option holds a value that the linter cannot use; the message is one line."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option as flake8 and ``naq-migrate`` offer it.

    Attributes:
        name: Name without dashes in front, as in a configuration file.
        field: The field of `Settings` that it fills.
        help: One line for ``--help``.
        kind: ``names``, ``globs`` or ``path``.
    """

    name: str
    field: str
    help: str
    kind: str


OPTIONS = (
    Option(
        "naq-connect-functions",
        "connect_functions",
        "Further functions that return a connection which the caller has to close.",
        "names",
    ),
    Option(
        "naq-jetstream-functions",
        "jetstream_functions",
        "Further functions that derive a JetStream context from a connection.",
        "names",
    ),
    Option(
        "naq-close-functions",
        "close_functions",
        "Further functions that close the connection which they are given.",
        "names",
    ),
    Option(
        "naq-context-managers",
        "context_managers",
        "Further async context managers that yield a connection or a handle of one.",
        "names",
    ),
    Option(
        "naq-high-priority",
        "high_priority",
        "Path globs, each optionally with ::Qualified.name, that are tier 1.",
        "globs",
    ),
    Option(
        "naq-medium-priority",
        "medium_priority",
        "Path globs, each optionally with ::Qualified.name, that are tier 2.",
        "globs",
    ),
    Option(
        "naq-low-priority",
        "low_priority",
        "Path globs, each optionally with ::Qualified.name, that are tier 3.",
        "globs",
    ),
    Option(
        "naq-baseline",
        "baseline",
        "File of known findings, written by `naq-migrate baseline`: these pass, new ones fail.",
        "path",
    ),
    Option(
        "naq-rules",
        "rules",
        "Folder of ast-grep rules that say what the project's own helpers become.",
        "path",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The linter's settings.

    Function names are dotted (``shop.bus.connect``) or bare (``open_bus``); a bare name stands
    for every function of that name, wherever it was imported from. They add to the built-in ones.

    Attributes:
        connect_functions: Functions that return a connection which the caller has to close.
        jetstream_functions: Functions that derive a JetStream context from a connection.
        close_functions: Functions that close the connection which they are given.
        context_managers: Async context managers that yield a connection or a handle of one.
        high_priority: Globs of what is tier 1, each optionally with ``::Qualified.name``.
        medium_priority: Globs of what is tier 2.
        low_priority: Globs of what is tier 3.
        baseline: Path of the file of known findings.
        rules: Path of the folder of the project's own rules for the codemod.
    """

    connect_functions: tuple[str, ...] = ()
    jetstream_functions: tuple[str, ...] = ()
    close_functions: tuple[str, ...] = ()
    context_managers: tuple[str, ...] = ()
    high_priority: tuple[str, ...] = ()
    medium_priority: tuple[str, ...] = ()
    low_priority: tuple[str, ...] = ()
    baseline: str | None = None
    rules: str | None = None

    def __post_init__(self) -> None:
        for option in OPTIONS:
            value = getattr(self, option.field)
            if option.kind == "names":
                _check_names(option.name, value)
            elif option.kind == "globs":
                _check_globs(option.name, value)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Read the options that flake8 parsed: field names (others are ignored) and values.

        Raises:
            SettingsError: A value is not usable.
        """
        known: dict[str, Any] = {}
        for field in fields(cls):
            value = values.get(f"naq_{field.name}")
            if not value:
                continue
            known[field.name] = value if isinstance(value, str) else tuple(value)
        return cls(**known)


def mentions_nats(source: str, settings: Settings) -> bool:
    """Whether a source may hold a finding; a cheap check before the analysis."""
    if "nats" in source:
        return True
    return any(
        name.rpartition(".")[2] in source
        for names in (
            settings.connect_functions,
            settings.jetstream_functions,
            settings.close_functions,
            settings.context_managers,
        )
        for name in names
    )


def may_reach_nats(source: str) -> bool:
    """Whether a source that does not mention NATS may reach it through an import.

    An opener is a coroutine, so the source has to run one.
    """
    runs = "async" in source or "anyio" in source or "run_until_complete" in source
    return runs and "import" in source


def _check_names(option: str, names: Iterable[str]) -> None:
    for name in names:
        if not _DOTTED_NAME.match(name):
            raise SettingsError(f"--{option}: {name!r} is not the (dotted) name of a function")


def _check_globs(option: str, globs: Iterable[str]) -> None:
    for glob in globs:
        path, separator, qualname = glob.partition("::")
        if not path or (separator and not qualname):
            raise SettingsError(f"--{option}: {glob!r} is not a path glob, or PATH::Qualified.name")
