"""``naq-migrate fix``: its arguments, its output, its exit code."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from flake8_naq.errors import CommandError, missing_extra
from flake8_naq.flake8_config import Flake8, add_options, rules_folder
from flake8_naq.migrate.output import FORMATS, Tally, output_of
from flake8_naq.paths import STDIN, explicit_files, python_files

if TYPE_CHECKING:
    from flake8_naq.files.documents import Document
    from flake8_naq.migrate.outcome import FileOutcome

_NEEDED = {"pyflakes": "pyflakes", "rich": "rich", "yaml": "pyyaml"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = subparsers.add_parser(
        "fix",
        help="rewrite hand-managed connections to context managers",
        description="Make the rewrites that are proven equivalent; give a reason for each other place.",
        epilog="Exit codes: 0 nothing to do, or done; 1 would change (--diff, --check), or places "
        "are left (--strict); 2 wrong usage or unreadable input.",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, - for stdin")
    parser.add_argument("--diff", action="store_true", help="print the changes, write nothing")
    parser.add_argument("--check", action="store_true", help="only report whether it would change")
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
        help="also write to files with unstaged changes, which git cannot restore",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="format of the report on each site; json and github are for machines",
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
    from flake8_naq.migrate.match.rule_files import built_in, read_rules, seen_by_linter

    _refuse_two_outputs(arguments)
    flake8 = Flake8.configured(arguments)
    folder = rules_folder(flake8.options)
    own = tuple(read_rules(folder)) if folder else ()
    options = Options(
        unsafe=arguments.unsafe_fixes,
        target=arguments.target,
        settings=seen_by_linter(flake8.settings, own),
        rules=(*own, *built_in()),
        flake8=flake8,
    )
    files_run = _Run(arguments)
    if arguments.paths == [STDIN]:
        files_run.take(fix_stdin(flake8.options.stdin_display_name, options))
        return files_run.finish()
    if STDIN in arguments.paths:
        raise CommandError("- stands for standard input, and goes with no other path")
    files = python_files(arguments.paths, flake8.options)
    explicit = frozenset(explicit_files(arguments.paths))
    found, failures = candidates(files, explicit, options)
    for failure in failures:
        files_run.take(failure)
    options = dataclasses.replace(
        options,
        imported=imported_elsewhere(files, found),
        unwritable=_unwritable(arguments, files),
    )
    outcomes = fix_files(found, options, arguments.jobs, files)
    for outcome in files_run.output.progress(outcomes, len(found)):
        files_run.take(outcome)
    return files_run.finish()


def _unwritable(arguments: argparse.Namespace, files: Sequence[str]) -> frozenset[str]:
    """The files that must not be written, where a fix may have to write several."""
    from flake8_naq.files.replacing import unstaged

    dry = arguments.diff or arguments.check
    if dry or arguments.allow_dirty or not arguments.unsafe_fixes:
        return frozenset()
    return frozenset(unstaged(files))


def _refuse_two_outputs(arguments: argparse.Namespace) -> None:
    """Refuse options that both write to standard output."""
    if arguments.format == "text":
        return
    if arguments.diff:
        raise CommandError(f"--format {arguments.format} and --diff both go to standard output")
    if arguments.paths == [STDIN] and not arguments.check:
        raise CommandError(
            f"--format {arguments.format} and the fixed code both go to standard output: "
            "use --check, or a file"
        )


class _Run:
    """Writes or shows each file's new text, and reports its sites.

    Attributes:
        output: Where the sites are reported.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._stdin = arguments.paths == [STDIN]
        self._tally = Tally(dry=arguments.diff or arguments.check)
        self.output = output_of(arguments.format, dry=self._tally.dry)

    def take(self, outcome: FileOutcome) -> None:
        """Write one file or show its diff, and report its sites."""
        if outcome.error is not None:
            self._fail(outcome.path, outcome.error)
            return
        assert outcome.document is not None
        if outcome.changed and not self._keep(outcome, outcome.document):
            return
        if self._stdin and not self._tally.dry:
            sys.stdout.buffer.write(outcome.document.codec.encode(outcome.text))
        self.output.file(outcome)
        self._tally.add(outcome)

    def _keep(self, outcome: FileOutcome, document: Document) -> bool:
        """Show or write a change; False if that fails."""
        from flake8_naq.files.replacing import replace, unstaged

        if self._arguments.diff:
            sys.stdout.write(diff(outcome.path, document.text, outcome.text))
            return True
        if self._tally.dry or self._stdin:
            return True
        if not self._arguments.allow_dirty and unstaged([outcome.path]):
            self._fail(
                outcome.path,
                "has changes that are not staged; stage or commit it first, or use --allow-dirty",
            )
            return False
        try:
            replace(outcome.path, document.codec.encode(outcome.text))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._fail(outcome.path, f"cannot be written: {reason}")
            return False
        return True

    def _fail(self, path: str, text: str) -> None:
        self._tally.errors += 1
        self.output.error(path, text)

    def finish(self) -> int:
        """Print the summary and return the exit code."""
        tally = self._tally
        self.output.finish(tally)
        if tally.errors:
            return 2
        if (tally.dry and tally.files) or (self._arguments.strict and tally.left):
            return 1
        return 0


def diff(path: str, before: str, after: str) -> str:
    """The change of a file, as ``--diff`` prints it."""
    lines = difflib.unified_diff(_lines(before), _lines(after), path, path, n=3)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
