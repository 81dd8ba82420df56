"""The text of a baseline file: read with the line of every fault, written one entry a line."""

from __future__ import annotations

import ast
import json
import os
import secrets
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VERSION = 1
FIELDS = ("rule", "function", "line")
Fields = Mapping[str, str]

_CONFLICT = ("<<<<<<< ", "||||||| ", ">>>>>>> ")
_MERGED = (
    "merge conflict: take either side (`git checkout --ours` or `--theirs`), "
    "then run `naq-migrate baseline --prune`"
)
_RESTORE = "restore it from git, or delete it and run `naq-migrate baseline`"
_SHAPE = '"files" must map paths to lists of objects with the strings "rule", "function" and "line"'


class BaselineError(ValueError):
    """A baseline file cannot be used; the message is one line with the file, the line and the fix."""


class _DuplicateKeyError(ValueError):
    """JSON keeps the last of two equal keys; the entries of the first would be lost."""


def read(path: str | os.PathLike[str]) -> dict[str, list[Fields]]:
    """Entries by file.

    Raises:
        BaselineError: The file is missing, unreadable, holds a merge conflict, or is no baseline.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise BaselineError(f"{path}: no such baseline; `naq-migrate baseline` writes it") from None
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror}") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BaselineError(f"{path}:{line}: not UTF-8; {_RESTORE}") from error
    for number, line_text in enumerate(text.split("\n"), 1):
        if line_text.startswith(_CONFLICT):
            raise BaselineError(f"{path}:{number}: {_MERGED}")
    return _Reader(path, text).files()


def write(path: Path, files: Mapping[str, Sequence[Fields]]) -> None:
    """Replace the file atomically, with one entry a line for readable diffs.

    Raises:
        BaselineError: It cannot be written.
    """
    blocks = ",\n".join(
        f"    {_json(file)}: [\n"
        + ",\n".join(f"      {_json(entry)}" for entry in entries)
        + "\n    ]"
        for file, entries in sorted(files.items())
    )
    body = f"{{\n{blocks}\n  }}" if files else "{}"
    text = f'{{\n  "version": {VERSION},\n  "files": {body}\n}}\n'
    target = path.resolve()
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        if target.exists():
            new.chmod(target.stat().st_mode & 0o7777)
        new.replace(target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise BaselineError(f"{path}: {error.strerror}") from error


class _Reader:
    """Checks one document and finds the line of its first fault."""

    def __init__(self, path: str | os.PathLike[str], text: str) -> None:
        self._path = path
        self._text = text

    def files(self) -> dict[str, list[Fields]]:
        """The checked entries."""
        document = self._document()
        if not isinstance(document, dict):
            raise self._error(1, f"not a baseline; {_RESTORE}")
        if document.get("version") != VERSION:
            advice = f"this flake8-naq reads version {VERSION}; {_RESTORE}"
            raise self._error(self._line("version"), f"not a baseline of this version: {advice}")
        files = document.get("files")
        if not isinstance(files, dict):
            raise self._error(self._line("files"), f"{_SHAPE}; {_RESTORE}")
        for file, entries in files.items():
            self._check(file, entries)
        return files

    def _document(self) -> Any:
        try:
            return json.loads(self._text, object_pairs_hook=_without_duplicates)
        except _DuplicateKeyError as error:
            key = str(error)
            raise self._error(self._second(key), f"{_json(key)} twice; {_RESTORE}") from None
        except json.JSONDecodeError as error:
            fault = f"not JSON ({error.msg[:1].lower()}{error.msg[1:]})"
            raise self._error(error.lineno, f"{fault}; {_RESTORE}") from None
        except RecursionError:
            raise self._error(1, f"nested too deeply; {_RESTORE}") from None

    def _check(self, file: str, entries: Any) -> None:
        if not isinstance(entries, list):
            raise self._error(self._line("files", file), f"{_SHAPE}; {_RESTORE}")
        for index, entry in enumerate(entries):
            if (
                not isinstance(entry, dict)
                or set(entry) != set(FIELDS)
                or not all(isinstance(value, str) for value in entry.values())
            ):
                raise self._error(self._line("files", file, index), f"{_SHAPE}; {_RESTORE}")

    def _error(self, line: int, fault: str) -> BaselineError:
        return BaselineError(f"{self._path}:{line}: {fault}")

    def _line(self, *way: str | int) -> int:
        """Line of a value that is reached by keys and indexes; of the last one that is there."""
        node, line = self._tree(), 1
        for step in way:
            inner = _inner(node, step)
            if inner is None:
                break
            node, line = inner, inner.lineno
        return line

    def _second(self, key: str) -> int:
        """Line of the second of two equal keys in one object."""
        for node in ast.walk(self._tree() or ast.Module([], [])):
            if isinstance(node, ast.Dict):
                lines = [at.lineno for at in node.keys if at and _value(at) == key]
                if len(lines) > 1:
                    return lines[1]
        return 1

    def _tree(self) -> ast.expr | None:
        # JSON is Python's syntax for literals, but for the names true, false and null; and Python
        # knows the line of each value, which the json module does not give.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JSON's `\/` is a strange escape in Python
            try:
                return ast.parse(self._text, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None


def _inner(node: ast.expr | None, step: str | int) -> ast.expr | None:
    if isinstance(node, ast.Dict) and isinstance(step, str):
        pairs = zip(node.keys, node.values, strict=True)
        return next((value for key, value in pairs if key and _value(key) == step), None)
    if isinstance(node, ast.List) and isinstance(step, int):
        return node.elts[step]
    return None


def _value(key: ast.expr) -> object:
    return key.value if isinstance(key, ast.Constant) else None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKeyError(key)
        found[key] = value
    return found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
