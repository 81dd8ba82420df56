"""Hand-managed connections that were found by reading the projects, whatever the linter finds."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from recorder.field.projects import FOLDER

LABELS = FOLDER / "labels.tsv"

OPENED_IN = ("this function", "this file", "another file")
"""Where the call is that opens the connection: there, or in a helper."""


@dataclass(frozen=True)
class Label:
    """One connection that a reader found.

    Args:
        name: the project, ``owner/repository``.
        path: of the file.
        line: of the call that acquires it.
        rule: under which it falls.
        opened_in: one of `OPENED_IN`.
    """

    name: str
    path: str
    line: int
    rule: str
    opened_in: str


def load(file: Path = LABELS) -> list[Label]:
    """Read the labels."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [
            Label(row["name"], row["path"], int(row["line"]), row["rule"], row["opened_in"])
            for row in csv.DictReader(lines, delimiter="\t")
        ]
