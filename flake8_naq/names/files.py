"""The files of a project, as the look for other modules reads them."""

from __future__ import annotations

import os
from typing import Protocol


class Files(Protocol):
    """Where a project's files come from: a disk, or something that stands for one."""

    def entries(self, folder: str) -> dict[str, bool]:
        """The names in a folder, each with whether it is a folder; empty where there is none."""
        ...

    def read(self, path: str) -> str:
        """A file's text, empty when it cannot be read."""
        ...


class Disk:
    """The files on this machine. A folder is listed once and a file is read once."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, bool]] = {}

    def entries(self, folder: str) -> dict[str, bool]:
        """The names in a folder, each with whether it is a folder; empty where there is none."""
        found = self._entries.get(folder)
        if found is None:
            try:
                with os.scandir(folder) as listing:
                    found = {entry.name: entry.is_dir() for entry in listing}
            except OSError:
                found = {}
            self._entries[folder] = found
        return found

    def read(self, path: str) -> str:
        """A file's text, empty when it cannot be read."""
        try:
            with open(path, "rb") as file:  # noqa: PTH123  `pathlib` takes twice as long
                return file.read().decode("utf-8-sig", errors="replace")
        except OSError:
            return ""


# Paths are plain text here: `pathlib` takes ten times as long for each look.


def parent_of(path: str) -> str:
    """The folder that a file or folder is in; the top of a disk is in itself."""
    return path.rpartition(os.sep)[0] or os.sep


def inside(folder: str, name: str) -> str:
    """The folder's path and the name, joined to one path; nothing is looked at."""
    return f"{folder.rstrip(os.sep)}{os.sep}{name}"
