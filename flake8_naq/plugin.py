"""flake8's adapter: options in, (line, column, text, type) out. Nothing else."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from flake8.exceptions import ExecutionError
from flake8.options.manager import OptionManager

from flake8_naq import __version__
from flake8_naq.settings import OPTIONS, Settings, SettingsError


class Plugin:
    """Finds hand-managed NATS connections."""

    name = "flake8-naq"
    version = __version__
    settings: ClassVar[Settings] = Settings()

    def __init__(self, tree: ast.Module, filename: str, lines: Sequence[str]) -> None:
        self._tree = tree
        self._filename = filename
        self._lines = lines

    @classmethod
    def add_options(cls, manager: OptionManager) -> None:
        """Tell flake8 which options there are, in files and on the command line."""
        for option in OPTIONS:
            manager.add_option(
                f"--{option.name}",
                default="",
                parse_from_config=True,
                comma_separated_list=option.kind != "path",
                normalize_paths=option.kind != "names",
                help=option.help,
            )

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Take the options' values.

        Raises:
            ExecutionError: A value is not usable; flake8 prints its one line and stops.
        """
        try:
            cls.settings = Settings.from_values(vars(options))
        except SettingsError as error:
            raise ExecutionError(str(error)) from error

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Yield the findings of one file."""
        if not any("nats" in line for line in self._lines):
            return
        from flake8_naq.linter import lint

        for finding in lint(self._tree, self._filename, self.settings, self._lines):
            text = f"{finding.code} {finding.message}"
            yield finding.line, finding.column, text, type(self)
