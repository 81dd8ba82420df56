"""``naq-migrate baseline``: compares the findings with the baseline and updates it.

The file itself, and what it hides from flake8, is `flake8_naq.baseline`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flake8_naq.baseline import Baseline, BaselineError, Entry
from flake8_naq.errors import CommandError
from flake8_naq.flake8_config import (
    Flake8,
    add_options,
    configuration_folder,
    configured_baseline,
)
from flake8_naq.paths import STDIN
from flake8_naq.report.console import progress
from flake8_naq.report.inspection import Inspected, Inspection
from flake8_naq.report.summary import counted
from flake8_naq.tiers import tier_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DEFAULT_NAME = "naq-baseline.json"


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = subparsers.add_parser(
        "baseline",
        help="record today's findings; from now on only new ones fail",
        description="Record today's findings in the baseline. From now on flake8 reports only new "
        "ones. A baseline that exists only shrinks: entries whose finding is gone leave it; new "
        "findings are listed and need --add. Entries of files outside of the given paths, and of "
        "codes that are not selected, are kept.",
        epilog="Exit codes: 0 done, or up to date; 1 new findings are left out, or it is out of "
        "date (--check); 2 wrong usage or unreadable input, and nothing is written.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders, the working directory if none"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--add", action="store_true", help="add new findings, too")
    mode.add_argument(
        "--prune", action="store_true", help="only remove stale entries; ignore new findings"
    )
    mode.add_argument(
        "--check",
        action="store_true",
        help="write nothing; list stale entries and new findings, and exit with 1 if there are any",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the baseline, or check it; 2 when a file could not be read."""
    if STDIN in arguments.paths:
        raise CommandError("baseline reads files: it cannot take standard input")
    configured = configured_baseline(arguments)
    path = configured or configuration_folder(arguments) / DEFAULT_NAME
    # Collecting the known findings needs no baseline: the file need not exist yet.
    arguments.naq_baseline = ""
    first = not (path.exists() or arguments.check or arguments.prune)
    try:
        old = Baseline(path.absolute(), {}) if first else Baseline.load(path)
        inspection = Inspection(Flake8.configured(arguments), arguments.paths or ["."], progress)
        changes = _changes(old, inspection)
        shown = _shown(path)
        if inspection.unreadable:
            unread = counted(inspection.unreadable, "file")
            print(
                f"naq-migrate: {shown} is left as it is: {unread} cannot be read; "
                "mend or exclude (--extend-exclude)",
                file=sys.stderr,
            )
            return 2
        if arguments.check:
            return _check(shown, changes)
        add = arguments.add or first
        code = _update(shown, old, changes, add=add, prune=arguments.prune, listed=not first)
    except BaselineError as error:
        raise CommandError(str(error)) from error
    if not configured:
        print(f"Put `naq-baseline = {path.name}` under [flake8] in the configuration to use it.")
    return code


@dataclass
class _Change:
    """The difference between the entries of one file and its findings.

    Attributes:
        file: The file's path as the baseline has it.
        kept: Entries whose finding is still there.
        gone: Entries whose finding is gone.
        new: Findings without an entry, each with its line.
    """

    file: str
    kept: Counter[Entry]
    gone: Counter[Entry]
    new: list[tuple[int, Entry]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """One line for each entry that is gone and for each finding that is new."""
        for entry in sorted(self.gone.elements()):
            yield f"{self.file}: gone: {_described(entry)}"
        yield from self.new_lines()

    def new_lines(self) -> Iterator[str]:
        """One line for each finding that is new."""
        for line, entry in self.new:
            yield f"{self.file}:{line}: new: {_described(entry)}"


def _changes(old: Baseline, inspection: Inspection) -> list[_Change]:
    """The changes in the files that were read, and in deleted files below the paths."""
    changes = {}
    for inspected in inspection:
        file = old.key(inspected.module.path)
        changes[file] = _change(file, old.files.get(file, ()), inspected, inspection.flake8)
    read = {old.key(path) for path in inspection.read}
    roots = [Path(path).resolve() for path in inspection.paths]
    for file, entries in old.files.items():
        place = Path(old.path.parent.resolve(), file)
        inside = any(place.is_relative_to(root) for root in roots)
        if file in read or (inside and not place.is_file()):
            changes.setdefault(file, _Change(file, Counter(), Counter(entries)))
    return [changes[file] for file in sorted(changes)]


def _change(file: str, entries: Iterable[Entry], inspected: Inspected, flake8: Flake8) -> _Change:
    """Compare the entries of one file with its current findings, without writing."""
    path, lines = inspected.module.path, inspected.module.lines
    found = Counter(Entry.of(finding, lines) for finding in inspected.findings if finding.tier)
    reported = [(one.line, Entry.of(one, lines)) for one in inspected.reported if one.tier]
    limits = Counter(entry for _, entry in reported)
    before = Counter(entries)
    for entry in before:
        # Keep an entry that this run does not select while its finding exists.
        code = f"NAQ{tier_of(path, entry.function, flake8.settings)}{entry.rule}"
        if not flake8.selects(path, code):
            limits[entry] = found[entry]
    left = Counter(before)
    new = []
    for line, entry in reported:
        if left[entry]:
            left[entry] -= 1
        else:
            new.append((line, entry))
    return _Change(file, before & limits, before - limits, new)


def _update(
    shown: str, old: Baseline, changes: Sequence[_Change], *, add: bool, prune: bool, listed: bool
) -> int:
    """Write the baseline without stale entries, with new ones if `add`; print the counts."""
    added = sum(len(change.new) for change in changes) if add else 0
    gone = sum(change.gone.total() for change in changes)
    files = {
        change.file: [*change.kept.elements(), *(entry for _, entry in change.new if add)]
        for change in changes
    }
    new = old.with_files(files)
    if added or gone or not listed:
        new.save()
    if listed and not prune:
        for change in changes:
            print(*change.new_lines(), sep="\n", end="\n" if change.new else "")
    known = counted(sum(map(len, new.files.values())), "known finding")
    print(f"{shown}: +{added} −{gone}, {known} in {counted(len(new.files), 'file')}")
    left = sum(len(change.new) for change in changes) - added
    if prune or not left:
        return 0
    print(
        f"{counted(left, 'new finding')} left out: fix, or add with `naq-migrate baseline --add`."
    )
    return 1


def _check(shown: str, changes: Sequence[_Change]) -> int:
    lines = [line for change in changes for line in change.lines()]
    if not lines:
        return 0
    new = sum(len(change.new) for change in changes)
    print(*lines, sep="\n")
    print(f"{shown} is out of date: +{new} −{len(lines) - new}")
    if len(lines) > new:
        print("Run `naq-migrate baseline --prune` to remove what is gone.")
    if new:
        print("Fix what is new, or add it with `naq-migrate baseline --add`.")
    return 1


def _described(entry: Entry) -> str:
    function = f" in {entry.function}" if entry.function else ""
    return f"rule {entry.rule}{function}: {entry.line}"


def _shown(path: Path) -> str:
    """The shortest form of a path from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
