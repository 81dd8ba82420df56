"""``naq-migrate baseline``: today's findings become the known ones."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
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
from flake8_naq.report.inspection import Inspection
from flake8_naq.report.summary import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DEFAULT_NAME = "naq-baseline.json"


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Tell the command line of this command."""
    parser = subparsers.add_parser(
        "baseline",
        help="record today's findings, so that only new ones fail",
        description="Record today's findings in the baseline, so that flake8 reports only new "
        "ones. Entries of files outside of the given paths are kept.",
        epilog="Exit codes: 0 done, or up to date; 1 out of date (--check); 2 wrong usage or "
        "unreadable input, and nothing is written.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders, the working directory if none"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; list what would go and come, and exit with 1 if there is any",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the baseline, or check it; 2 when a file could not be read."""
    if STDIN in arguments.paths:
        raise CommandError("baseline reads files: it cannot take standard input")
    configured = configured_baseline(arguments)
    path = configured or configuration_folder(arguments) / DEFAULT_NAME
    # Nothing is known while the known findings are gathered, and the file need not exist yet.
    arguments.naq_baseline = ""
    try:
        old = _load(path, arguments.check)
        paths = arguments.paths or ["."]
        inspection = Inspection(Flake8.configured(arguments), paths, progress)
        new = old.with_files(_entries(old, inspection, paths))
        if inspection.unreadable:
            return 2
        if arguments.check:
            return _check(old, new)
        new.save()
    except BaselineError as error:
        raise CommandError(str(error)) from error
    known = counted(sum(map(len, new.files.values())), "known finding")
    print(f"{_shown(path)}: {known} in {counted(len(new.files), 'file')}")
    if not configured:
        print(f"Put `naq-baseline = {path.name}` under [flake8] in the configuration to use it.")
    return 0


def _load(path: Path, check: bool) -> Baseline:
    """The baseline as it is; an empty one where it is to be written for the first time, or anew.

    One that a merge has left unusable is made again from the code.
    """
    try:
        return Baseline.load(path)
    except BaselineError:
        if check:
            raise
        return Baseline(path.absolute(), {})


def _entries(old: Baseline, inspection: Inspection, paths: Sequence[str]) -> dict[str, list[Entry]]:
    """Today's entries of every file that stands below the paths, or that is gone."""
    found: dict[str, list[Entry]] = {
        old.key(inspected.module.path): [
            Entry.of(finding, inspected.module.lines)
            for finding in inspected.reported
            if finding.tier
        ]
        for inspected in inspection
    }
    roots = [Path(path).resolve() for path in paths]
    for file in old.files:
        place = Path(old.path.parent.resolve(), file)
        if not place.exists() or any(place.is_relative_to(root) for root in roots):
            found.setdefault(file, [])
    return found


def _check(old: Baseline, new: Baseline) -> int:
    changes = 0
    for file in sorted({*old.files, *new.files}):
        before, after = Counter(old.files.get(file, ())), Counter(new.files.get(file, ()))
        for word, entries in (("gone", before - after), ("new", after - before)):
            for entry in sorted(entries.elements()):
                changes += 1
                function = f" in {entry.function}" if entry.function else ""
                print(f"{file}: {word}: rule {entry.rule}{function}: {entry.line}")
    if changes:
        print("Run `naq-migrate baseline` to bring the baseline up to date.")
    return 1 if changes else 0


def _shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
