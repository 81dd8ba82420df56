"""flake8's adapter: options in, (line, column, text, type) out. Nothing else."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from flake8.exceptions import ExecutionError
from flake8.options.manager import OptionManager

from flake8_naq import __version__
from flake8_naq.settings import OPTIONS, Settings, SettingsError, may_reach_nats, mentions_nats

# Every run of flake8 loads this module: it loads the others on demand.
if TYPE_CHECKING:
    from flake8_naq.baseline import Baseline
    from flake8_naq.findings import Finding


class Plugin:
    """Finds hand-managed NATS connections."""

    name = "flake8-naq"
    version = __version__
    settings: ClassVar[Settings] = Settings()
    baseline: ClassVar[Baseline | None] = None

    def __init__(self, tree: ast.Module, filename: str, lines: Sequence[str]) -> None:
        self._tree = tree
        self._filename = filename
        self._lines = lines

    @classmethod
    def add_options(cls, manager: OptionManager) -> None:
        """Register the options with flake8, for files and the command line."""
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
        cls.baseline = _known_findings(options) if cls.settings.baseline else None

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Yield the findings of one file."""
        findings = self._findings()
        # Report stale entries even in a file that no longer mentions NATS.
        if self.baseline and self.baseline.covers(self._filename):
            findings = self.baseline.new(self._filename, findings, self._lines)
        for finding in findings:
            text = f"{finding.code} {finding.message}"
            yield finding.line, finding.column, text, type(self)

    def _findings(self) -> list[Finding]:
        text = "".join(self._lines)
        if not mentions_nats(text, self.settings) and not self._reaches_nats(text):
            return []
        # Most files have nothing to do with NATS and cost next to nothing: the analysis is only
        # imported for one that may have.
        from flake8_naq.linter import lint

        return lint(self._tree, self._filename, self.settings, text)

    def _reaches_nats(self, text: str) -> bool:
        if not may_reach_nats(text):
            return False
        from flake8_naq.names.project import reaches_nats

        return reaches_nats(text, self._filename, self.settings)


def _known_findings(options: argparse.Namespace) -> Baseline | None:
    from flake8_naq.baseline import Baseline, BaselineError
    from flake8_naq.flake8_config import baseline_path

    try:
        path = baseline_path(options)
        return Baseline.load(path) if path else None
    except BaselineError as error:
        raise ExecutionError(str(error)) from error
