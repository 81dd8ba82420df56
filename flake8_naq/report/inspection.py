"""One pass over the files of a command: findings, and files that cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flake8_naq.baseline import Baseline, BaselineError
from flake8_naq.errors import CommandError
from flake8_naq.findings import Finding
from flake8_naq.flake8_config import Flake8, baseline_path
from flake8_naq.lifetimes import ModuleAnalysis, analyse
from flake8_naq.linter import concerns_nats, findings_of
from flake8_naq.modules import Module, ReadError, read_module
from flake8_naq.paths import explicit_files, python_files


@dataclass(frozen=True, slots=True)
class Inspected:
    """The linter's result for one module.

    Attributes:
        module: The module's text.
        analysis: Its connections.
        findings: All findings, before `noqa` and the configuration's selection.
        reported: The findings that flake8 reports, before the baseline.
    """

    module: Module
    analysis: ModuleAnalysis
    findings: list[Finding]
    reported: list[Finding]


@dataclass
class Inspection:
    """Inspects the files of a command; an unreadable file does not stop the others.

    Attributes:
        flake8: The configuration.
        paths: Files and folders as given.
        progress: Wraps the iteration over the files to show the progress of a long run.
        read: Paths of the files read so far.
        unreadable: The number of unreadable files; each has its line on standard error.
    """

    flake8: Flake8
    paths: Sequence[str]
    progress: Callable[[Sequence[str]], Iterable[str]] = iter
    read: list[str] = field(default_factory=list)
    unreadable: int = 0

    @property
    def files(self) -> int:
        """How many files were read."""
        return len(self.read)

    def __iter__(self) -> Iterator[Inspected]:
        """The modules that mention NATS, or import what opens a connection."""
        explicit = explicit_files(self.paths)
        for file in self.progress(python_files(self.paths, self.flake8.options)):
            try:
                inspected = self._inspect(file, explicit)
            except ReadError as error:
                self.unreadable += 1
                print(f"naq-migrate: {error}", file=sys.stderr)
                continue
            self.read.append(file)
            if inspected:
                yield inspected

    def _inspect(self, file: str, explicit: set[str]) -> Inspected | None:
        settings = self.flake8.settings
        module = read_module(file, self.flake8.options.stdin_display_name)
        text = module.text
        concerned = concerns_nats(text, module.path, settings)
        # A file that someone names should be Python, even if there is nothing to find in it.
        if not concerned and file not in explicit:
            return None
        tree = module.parse()
        if not concerned:
            return None
        analysis = analyse(tree, settings, module.path, text)
        findings = findings_of(analysis, module.path, settings)
        reported = self.flake8.reported(module.path, module.lines, findings)
        return Inspected(module, analysis, findings, reported)


def known_findings(flake8: Flake8) -> Baseline | None:
    """The configured baseline, None where there is none.

    Raises:
        CommandError: It cannot be used.
    """
    path = baseline_path(flake8.options)
    try:
        return Baseline.load(path) if path else None
    except BaselineError as error:
        raise CommandError(str(error)) from error
