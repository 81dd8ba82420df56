"""``naq-migrate fix``: its arguments, what it prints, its exit code."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

from flake8_naq.errors import CommandError, missing_extra
from flake8_naq.flake8_config import Flake8, add_options
from flake8_naq.paths import STDIN, explicit_files, python_files
from flake8_naq.report.summary import counted

if TYPE_CHECKING:
    from rich.console import Console

    from flake8_naq.migrate.outcome import Outcome, Report

_NEEDED = {"pyflakes": "pyflakes", "rich": "rich"}
# Below this the run is over before a bar has been drawn.
_WORTH_A_BAR = 50


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = subparsers.add_parser(
        "fix",
        help="rewrite hand-managed connections to context managers",
        description="Rewrite what can be proven to keep its meaning; say why the rest is left.",
        epilog="Exit codes: 0 nothing to do, or done; 1 would change (--diff, --check), or places "
        "are left (--strict); 2 wrong usage or unreadable input.",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, - for stdin")
    parser.add_argument("--diff", action="store_true", help="print the changes, write nothing")
    parser.add_argument("--check", action="store_true", help="only say whether it would change")
    parser.add_argument(
        "--unsafe-fixes", action="store_true", help="also make fixes that may change the meaning"
    )
    parser.add_argument(
        "--target",
        choices=("naq", "nats-py"),
        help="whose context managers to use; by default those of the helpers that the code uses",
    )
    parser.add_argument("--strict", action="store_true", help="fail when places are left")
    parser.add_argument(
        "--allow-dirty",
        action="store_true",
        help="also write to files with unstaged changes, which git could not give back",
    )
    parser.add_argument(
        "--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N", help="processes to use"
    )
    add_options(parser)
    parser.set_defaults(run=run)


def _jobs(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        The exit code.

    Raises:
        CommandError: Something needed is not installed, or an option cannot be used.
    """
    for module, package in _NEEDED.items():
        if find_spec(module) is None:
            raise missing_extra("fix", package)
    from flake8_naq.migrate.batch import candidates, fix_files, fix_stdin
    from flake8_naq.migrate.fixer import Options
    from flake8_naq.migrate.match.importers import imported_elsewhere

    flake8 = Flake8.configured(arguments)
    options = Options(
        unsafe=arguments.unsafe_fixes,
        target=arguments.target,
        settings=flake8.settings,
        flake8=flake8,
    )
    report = _Printer(arguments)
    if arguments.paths == [STDIN]:
        report.take(fix_stdin(flake8.options.stdin_display_name, options), stdin=True)
        return report.finish()
    if STDIN in arguments.paths:
        raise CommandError("- stands for standard input, and goes with no other path")
    files = python_files(arguments.paths, flake8.options)
    explicit = frozenset(explicit_files(arguments.paths))
    found, failures = candidates(files, explicit, options)
    for failure in failures:
        report.take(failure)
    options = dataclasses.replace(options, imported=imported_elsewhere(files, found))
    for outcome in report.progress(fix_files(found, options, arguments.jobs), len(found)):
        report.take(outcome)
    return report.finish()


@dataclass
class _Printer:
    """Writes results, and keeps count."""

    arguments: argparse.Namespace
    rewritten: int = 0
    files: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: bool = False
    _messages: Console = field(init=False)

    def __post_init__(self) -> None:
        from rich.console import Console

        self._messages = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    def progress(self, outcomes: Iterator[Outcome], number: int) -> Iterable[Outcome]:
        """Show how far a long run is, where somebody is looking."""
        if number < _WORTH_A_BAR or not self._messages.is_terminal:
            return outcomes
        from rich.progress import track

        return track(outcomes, "Fixing", total=number, console=self._messages, transient=True)

    def take(self, outcome: Outcome, *, stdin: bool = False) -> None:
        """Write one file, or show what would be written, and say what there is to say."""
        if outcome.error is not None:
            self._fail(f"{outcome.path}: {outcome.error}")
            return
        assert outcome.document is not None
        if outcome.changed and not self._keep(outcome, stdin=stdin):
            return
        if stdin and not (self.arguments.diff or self.arguments.check):
            sys.stdout.buffer.write(outcome.document.codec.encode(outcome.text))
        # Two places on one line can say the same.
        for report in dict.fromkeys(sorted(outcome.reports, key=_order)):
            self._say(outcome.path, report)
        self.rewritten += len(outcome.rewritten)
        self.files += outcome.changed
        self.refused.update(
            str(report.message) for report in outcome.reports if report.kind == "left"
        )

    def _keep(self, outcome: Outcome, *, stdin: bool) -> bool:
        """Show or write a change; False when that could not be done."""
        from flake8_naq.migrate.write.files import replace, unstaged

        assert outcome.document is not None
        if self.arguments.diff:
            sys.stdout.write(_diff(outcome.path, outcome.document.text, outcome.text))
            return True
        if self.arguments.check or stdin:
            return True
        if not self.arguments.allow_dirty and unstaged([outcome.path]):
            self._fail(
                f"{outcome.path}: has changes that are not staged; "
                "stage or commit it first, or use --allow-dirty"
            )
            return False
        try:
            replace(outcome.path, outcome.document.codec.encode(outcome.text))
        except OSError as error:
            self._fail(
                f"{outcome.path}: cannot be written: {(error.strerror or str(error)).lower()}"
            )
            return False
        return True

    def _say(self, path: str, report: Report) -> None:
        self._messages.print(describe(path, report))

    def _fail(self, text: str) -> None:
        self.failed = True
        self._messages.print(f"naq-migrate: {text}")

    def finish(self) -> int:
        """Print the summary and return the exit code."""
        dry = self.arguments.diff or self.arguments.check
        if self.rewritten:
            verb = "would be rewritten" if dry else "rewritten"
            self._messages.print(
                f"{counted(self.rewritten, 'place')} {verb} in {counted(self.files, 'file')}"
            )
        left = self.refused.total()
        if left:
            self._messages.print(
                f"{counted(left, 'place')} left as they are"
                if left > 1
                else "1 place left as it is"
            )
        if self.failed:
            return 2
        if (dry and self.files) or (self.arguments.strict and left):
            return 1
        return 0


def describe(path: str, report: Report) -> str:
    """The line that tells the user about one place."""
    where = f" in `{report.qualname}`" if report.qualname else ""
    return f"{path}:{report.line}: {report.code} {report.kind}{where}: {report.message}"


def _order(report: Report) -> tuple[int, str]:
    return report.line, report.kind


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(_lines(before), _lines(after), path, path, n=3)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
