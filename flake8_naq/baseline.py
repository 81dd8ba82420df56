"""The ratchet's file: the findings that are known, so that only new ones fail.

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
known findings in that file. A finding is known by the number of its rule, so that a file may
change its tier; by its enclosing function; and by the text of the line on which it stands, with
each run of blanks as one space. Line numbers are left out, so code may move. Equal entries stand
as often as there are findings. An entry that no finding matches is stale, and is itself reported.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from flake8_naq.findings import Finding

VERSION = 1
STALE_ENTRY = "02"


class BaselineError(ValueError):
    """A baseline file cannot be used. One clear line."""


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
        """The entry that makes a finding known.

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
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BaselineError(
                f"{path}: there is no such baseline; `naq-migrate baseline` writes it"
            ) from None
        except OSError as error:
            raise BaselineError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise BaselineError(
                f"{path}: not a baseline ({error}); `naq-migrate baseline` writes it anew"
            ) from error
        return cls(Path(path).absolute(), _files(path, document))

    def save(self) -> None:
        """Write the file, one entry a line, so that a diff of it reads well.

        Raises:
            BaselineError: It cannot be written.
        """
        files = ",\n".join(
            f"    {_json(file)}: [\n"
            + ",\n".join(f"      {_json(asdict(entry))}" for entry in entries)
            + "\n    ]"
            for file, entries in sorted(self.files.items())
            if entries
        )
        body = f"{{\n{files}\n  }}" if files else "{}"
        text = f'{{\n  "version": {VERSION},\n  "files": {body}\n}}\n'
        try:
            self.path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise BaselineError(f"{self.path}: {error.strerror}") from error

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
        """What is to be reported of a file: the findings that are not known, and stale entries.

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
        f"`{entry.line}`: take it out with `naq-migrate baseline`"
    )
    return Finding(1, 0, STALE_ENTRY, 0, message)


def _entry(fields: Mapping[str, Any]) -> Entry:
    entry = Entry(**fields)
    if not all(isinstance(value, str) for value in (entry.rule, entry.function, entry.line)):
        raise TypeError
    return entry


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _files(path: str | os.PathLike[str], document: Any) -> dict[str, tuple[Entry, ...]]:
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BaselineError(
            f'{path}: not a baseline of this version ("version": {VERSION}); '
            "`naq-migrate baseline` writes it anew"
        )
    try:
        return {
            file: tuple(sorted(_entry(entry) for entry in entries))
            for file, entries in document["files"].items()
        }
    except (AttributeError, KeyError, TypeError):
        raise BaselineError(
            f'{path}: "files" must map paths to lists of objects with "rule", "function" and '
            '"line"; `naq-migrate baseline` writes it anew'
        ) from None
