"""The public projects of the field report, each pinned to a commit."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from recorder.phases import ROOT

FOLDER = ROOT / "docs" / "field"
PROJECTS = FOLDER / "projects.tsv"


@dataclass(frozen=True)
class Project:
    """One state of a public project.

    Args:
        name: ``owner/repository``.
        commit: 40 hexadecimal digits.
        branch: empty for the state that counts; the name of the branch for any further state.
        licence: SPDX identifier, or ``none stated``.
        url: where it can be cloned from.
    """

    name: str
    commit: str
    branch: str
    licence: str
    url: str

    def link_to(self, path: str, line: int) -> str:
        """The address of a line of the project at this commit."""
        return f"{self.url}/blob/{self.commit}/{path}#L{line}"


def load(file: Path = PROJECTS) -> list[Project]:
    """Read the list of projects."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [Project(**row) for row in csv.DictReader(lines, delimiter="\t")]
