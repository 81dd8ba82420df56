"""``naq-migrate history``: the connections over the git history."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from flake8_naq.errors import CommandError
from flake8_naq.flake8_config import Flake8, add_options
from flake8_naq.paths import STDIN, is_read
from flake8_naq.report.console import console, track
from flake8_naq.report.history import git
from flake8_naq.report.history.story import Story, day
from flake8_naq.report.history.timeline import Timeline, relevant
from flake8_naq.report.history.versions import Version, batches, read_versions
from flake8_naq.report.summary import counted

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(subparsers: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    parser = subparsers.add_parser(
        "history",
        help="chart the connections over the git history",
        description="Count the connections by hand, owned elsewhere and managed after each commit "
        "of the git history, by tier. It reads git's objects and checks nothing out. Of a merge it "
        "follows the first parent. Today's configuration holds for all of history.",
        epilog="Exit codes: 0, or 2 for wrong usage or where there is no history.",
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files and folders, the working directory if none"
    )
    parser.add_argument(
        "--since", metavar="REV", help="start at this commit, tag or branch; default: the first"
    )
    parser.add_argument(
        "--format",
        choices=("text", "svg", "html", "json"),
        default="text",
        help="a table for people, a chart, one page with chart and table, or JSON",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes to use, default: one for each core",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the history.

    Raises:
        CommandError: There is no history to read, or an option cannot be used.
    """
    screen = console("history") if arguments.format == "text" else None
    flake8 = Flake8.configured(arguments)
    line = git.line_of_commits(arguments.since)
    names = _names(arguments.paths, git.prefix(), flake8)
    history = list(relevant(line.changes(), names))
    _refuse_unknown(arguments.paths, history)
    blobs = list(dict.fromkeys(one.blob for _, changes in history for one in changes if one.blob))
    portions = batches(blobs)
    versions: dict[str, Version] = {}
    read = read_versions(portions, flake8, arguments.jobs)
    for portion, made in zip(portions, track(read, "Reading", len(portions)), strict=True):
        versions |= zip(portion, made, strict=True)
    timeline = Timeline(flake8, versions)
    for number, (commit, changes) in enumerate(history, 1):
        timeline.add(commit, changes, last=number == len(history))
    story = Story(tuple(timeline.points), len(history), line.shallow)
    _warn(story, timeline)
    if screen:
        from flake8_naq.report.history import table

        table.show(screen, story)
    elif arguments.format == "svg":
        from flake8_naq.report.history import chart

        print(chart.svg(story), end="")
    elif arguments.format == "html":
        from flake8_naq.report.history import page

        print(page.text(story), end="")
    else:
        document = story.document(list(timeline.unreadable.values()))
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return 0


def _refuse_unknown(
    paths: Sequence[str], history: Sequence[tuple[git.Commit, Sequence[git.Change]]]
) -> None:
    """A mistyped path would give an empty chart without a word."""
    if paths and not any(changes for _, changes in history):
        raise CommandError(f"{', '.join(paths)}: no Python file of this history lies there")


def _warn(story: Story, timeline: Timeline) -> None:
    """One line on standard error for each thing that the counts leave out."""
    if story.shallow:
        first = story.points[0].commit
        print(
            f"naq-migrate: shallow clone: the history starts at {first.id[:7]} "
            f"({day(first.time)}); `git fetch --unshallow` brings the rest",
            file=sys.stderr,
        )
    for one in timeline.unreadable.values():
        more = f" (and {counted(one.versions - 1, 'later version')})" if one.versions > 1 else ""
        print(
            f"naq-migrate: {one.path} at {one.commit.id[:7]}{more}: {one.reason}; "
            "the version before it counts",
            file=sys.stderr,
        )


def _names(paths: Sequence[str], prefix: str, flake8: Flake8) -> Callable[[str], str | None]:
    """From a file's path in the repository to its path from here, None where it is not read."""
    places = [_place(path, prefix) for path in paths or ["."]]

    @cache
    def name(path: str) -> str | None:
        if not any(place in (".", path) or path.startswith(f"{place}/") for place in places):
            return None
        shown = os.path.relpath(path, prefix).replace(os.sep, "/") if prefix else path
        return shown if path in places or is_read(shown, flake8.options) else None

    return name


def _place(path: str, prefix: str) -> str:
    """A path as git has it, from the repository's root.

    Raises:
        CommandError: It is standard input, or lies outside of the repository.
    """
    if path == STDIN:
        raise CommandError("history reads the git history: it cannot take standard input")
    from_here = os.path.relpath(os.path.realpath(path), os.path.realpath("."))
    place = os.path.normpath(f"{prefix}{from_here}").replace(os.sep, "/")
    if place.split("/")[0] == "..":
        raise CommandError(f"{path}: outside of the git repository")
    return place
