"""The output of a run: lines for people, JSON, or GitHub's annotations."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flake8_naq.migrate.proposal import Proposals
from flake8_naq.report.github import annotation
from flake8_naq.report.summary import counted

if TYPE_CHECKING:
    from rich.console import Console

    from flake8_naq.migrate.outcome import FileOutcome, Report

FORMATS = ("text", "json", "github")

# A run over fewer files ends before a bar is drawn.
_WORTH_A_BAR = 50


@dataclass(slots=True)
class Tally:
    """The figures of a run.

    Attributes:
        dry: Whether the run writes no file.
        rewritten: Sites that were rewritten, or would be without ``dry``.
        files: Files in which they are.
        left: Sites that were left alone.
        errors: Files that could not be read or written.
    """

    dry: bool
    rewritten: int = 0
    files: int = 0
    left: int = 0
    errors: int = 0

    def add(self, outcome: FileOutcome) -> None:
        """Count one file."""
        self.rewritten += len(outcome.rewritten)
        self.files += outcome.changed
        self.left += sum(report.kind == "left" for report in outcome.reports)


class Output(ABC):
    """Prints the report of each site, file by file, and a summary."""

    def progress(self, outcomes: Iterator[FileOutcome], number: int) -> Iterable[FileOutcome]:
        """The outcomes, with a progress bar for a long run on a terminal."""
        return outcomes

    @abstractmethod
    def file(self, outcome: FileOutcome) -> None:
        """Print the reports of one file."""

    @abstractmethod
    def error(self, path: str, text: str) -> None:
        """Print an error of reading or writing a file."""

    @abstractmethod
    def finish(self, tally: Tally) -> None:
        """Print the summary."""


def output_of(format_: str, *, dry: bool) -> Output:
    """The output in one of `FORMATS`."""
    match format_:
        case "json":
            return _Json()
        case "github":
            return _GitHub(dry=dry)
    return _Text()


def describe(path: str, report: Report) -> str:
    """The line about one site."""
    where = f" in `{report.qualname}`" if report.qualname else ""
    return f"{path}:{report.line}: {report.code} {report.kind}{where}: {report.message}"


def reports_of(outcome: FileOutcome) -> Iterable[Report]:
    """The messages on a file, each once, in the order of their lines."""
    # Two sites on one line can have the same message.
    return dict.fromkeys(sorted(outcome.reports, key=lambda report: (report.line, report.kind)))


class _Text(Output):
    """Lines for people, on standard error."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console: Console = Console(
            stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self._proposals = Proposals()

    def progress(self, outcomes: Iterator[FileOutcome], number: int) -> Iterable[FileOutcome]:
        if number < _WORTH_A_BAR or not self._console.is_terminal:
            return outcomes
        from rich.progress import track

        return track(outcomes, "Fixing", total=number, console=self._console, transient=True)

    def file(self, outcome: FileOutcome) -> None:
        self._proposals.add(outcome)
        for report in reports_of(outcome):
            self._console.print(describe(outcome.path, report))

    def error(self, path: str, text: str) -> None:
        self._console.print(f"naq-migrate: {path}: {text}")

    def finish(self, tally: Tally) -> None:
        if tally.rewritten:
            verb = "would be rewritten" if tally.dry else "rewritten"
            self._console.print(
                f"{counted(tally.rewritten, 'place')} {verb} in {counted(tally.files, 'file')}"
            )
        if tally.left:
            self._console.print(
                f"{counted(tally.left, 'place')} left as they are"
                if tally.left > 1
                else "1 place left as it is"
            )
        for line in self._proposals.lines():
            self._console.print(line)


class _Json(Output):
    """One JSON document on standard output, once all is done."""

    def __init__(self) -> None:
        self._results: list[dict[str, object]] = []
        self._errors: list[dict[str, str]] = []

    def file(self, outcome: FileOutcome) -> None:
        reports = [*outcome.rewritten, *reports_of(outcome)]
        self._results += [
            _result(outcome.path, report) for report in sorted(reports, key=lambda r: r.line)
        ]

    def error(self, path: str, text: str) -> None:
        self._errors.append({"path": path, "message": text})

    def finish(self, tally: Tally) -> None:
        document = {
            "results": self._results,
            "errors": self._errors,
            "summary": {
                "written": not tally.dry,
                "rewritten": tally.rewritten,
                "files": tally.files,
                "left": tally.left,
            },
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _result(path: str, report: Report) -> dict[str, object]:
    return {
        "path": path,
        "line": report.line,
        "code": report.code,
        "function": report.qualname,
        "kind": report.kind,
        "message": str(report.message) or None,
        "lines": [
            {"path": line.path or path, "line": line.number} for line in report.message.lines
        ],
    }


class _GitHub(Output):
    """Workflow commands on standard output: GitHub shows each beside its line."""

    def __init__(self, *, dry: bool) -> None:
        # A change that is pending fails the run.
        self._levels = {
            "rewritten": "error" if dry else "notice",
            "left": "warning",
            "unsafe": "notice",
            "note": "notice",
        }
        self._text = _Text()
        self._rewritten = "would be rewritten" if dry else "rewritten"

    def file(self, outcome: FileOutcome) -> None:
        for report in sorted([*outcome.rewritten, *reports_of(outcome)], key=lambda r: r.line):
            kind = self._rewritten if report.kind == "rewritten" else report.kind
            title = f"{report.code} {kind}"
            where = f"`{report.qualname}`" if report.qualname else "the module"
            text = f"{where}: {report.message}" if report.message.parts else where
            level = self._levels[report.kind]
            print(annotation(level, text, file=outcome.path, line=report.line, title=title))

    def error(self, path: str, text: str) -> None:
        print(annotation("error", text, file=path))

    def finish(self, tally: Tally) -> None:
        self._text.finish(tally)
