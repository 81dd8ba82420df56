"""The ratchet's file of known findings: only new ones fail.

The file is JSON, made by ``naq-migrate baseline`` and meant to be committed::

    {
      "version": 1,
      "files": {
        "src/shop/orders.py": [
          {"rule": "03", "function": "Orders.store", "line": "nc = await connect(self.url)"}
        ]
      }
    }

``files`` maps a path, with forward slashes and relative to the folder of the baseline file, to the
known findings in that file. An entry identifies a finding by the number of its rule, so a file may
change its tier; by its enclosing function; and by the text of its line, with each run of blanks as
one space. It has no line number, so code may move. Equal findings have one entry each. An entry
without a matching finding is stale, and is itself reported.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Self

from flake8_naq import baseline_file
from flake8_naq.baseline_file import BaselineError
from flake8_naq.findings import Finding

__all__ = ["STALE_ENTRY", "Baseline", "BaselineError", "Entry"]

STALE_ENTRY = "02"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A known finding.

    Attributes:
        rule: Two digits, the number of the rule.
        function: Dotted name of the enclosing function or class, empty at module level.
        line: Text of the line on which the finding stands, each run of blanks as one space.
    """

    rule: str
    function: str
    line: str

    @classmethod
    def of(cls, finding: Finding, lines: Sequence[str]) -> Self:
        """The entry of a finding.

        Args:
            finding: What the linter reports.
            lines: Lines of the file, the first one at index 0.
        """
        line = lines[finding.line - 1] if finding.line <= len(lines) else ""
        return cls(finding.rule, finding.qualname, " ".join(line.split()))


@dataclass(frozen=True, slots=True)
class Baseline:
    """Known findings by file.

    Attributes:
        path: Where the baseline file is or will be, absolute.
        files: Sorted entries by the file's path relative to the folder of ``path``.
    """

    path: Path
    files: Mapping[str, tuple[Entry, ...]]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a baseline file.

        Raises:
            BaselineError: It is missing, unreadable or not a baseline.
        """
        files = {
            file: tuple(sorted(Entry(**fields) for fields in entries))
            for file, entries in baseline_file.read(path).items()
        }
        return cls(Path(path).absolute(), files)

    def save(self) -> None:
        """Write the file.

        Raises:
            BaselineError: It cannot be written.
        """
        files = {file: [asdict(entry) for entry in self.files[file]] for file in self.files}
        baseline_file.write(self.path, files)

    def key(self, filename: str) -> str:
        """A file's path as the baseline has it, wherever the command runs."""
        path = Path(filename)
        folder = _relative(path.parent, self.path.parent, Path.cwd())
        return f"{folder}/{path.name}" if folder != "." else path.name

    def covers(self, filename: str) -> bool:
        """Whether there are entries for a file."""
        return bool(self.files) and self.key(filename) in self.files

    def new(
        self, filename: str, findings: Iterable[Finding], lines: Sequence[str]
    ) -> list[Finding]:
        """The findings to report in a file: those without an entry, and stale entries.

        Args:
            filename: The file's path, absolute or relative to the working directory.
            findings: Everything that the linter finds in it.
            lines: Lines of the file.

        Returns:
            Findings in the order of their lines; a stale entry is NAQ002 on line 1. The plugin's
            own findings (tier 0) are never known.
        """
        known = Counter(self.files.get(self.key(filename), ()))
        fresh = []
        for finding in findings:
            entry = Entry.of(finding, lines)
            if finding.tier and known[entry]:
                known[entry] -= 1
            else:
                fresh.append(finding)
        stale = [_stale(entry) for entry in sorted((+known).elements())]
        return stale + fresh

    def with_files(self, files: Mapping[str, Sequence[Entry]]) -> Baseline:
        """The same baseline with the entries of some files replaced; a file without any goes."""
        merged = {**self.files, **{file: tuple(sorted(files[file])) for file in files}}
        return replace(self, files={file: entries for file, entries in merged.items() if entries})


@cache
def _relative(folder: Path, start: Path, working_directory: Path) -> str:
    """A folder seen from another, symbolic links followed; many files share one."""
    absolute = os.path.realpath(working_directory / folder)
    try:
        relative = os.path.relpath(absolute, os.path.realpath(start))
    except ValueError:  # another drive
        relative = absolute
    return relative.replace(os.sep, "/")


def _stale(entry: Entry) -> Finding:
    place = f"`{entry.function}`" if entry.function else "the module"
    message = (
        f"the baseline has a finding of rule {entry.rule} in {place} that is gone, "
        f"`{entry.line}`: take it out with `naq-migrate baseline --prune`"
    )
    return Finding(1, 0, STALE_ENTRY, 0, message)
