"""Reads a module as flake8 reads it; an unreadable one raises a one-line error."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

from flake8_naq.paths import STDIN

# The exceptions of `ast.parse` for a text that it cannot parse.
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


# Python's parser and pyflakes, and so flake8, take neither a chain of thousands of calls nor one of
# hundreds of `elif`.
NESTED = "nested too deeply"


class ReadError(Exception):
    """A file cannot be read as Python. One line that names the file."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module's text.

    Attributes:
        path: Its path, as flake8 would print it.
        lines: Its lines, with every line ending as a newline and without a byte order mark.
    """

    path: str
    lines: list[str]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.lines)

    def parse(self) -> ast.Module:
        """The module's syntax tree.

        Raises:
            ReadError: It is not Python.
        """
        try:
            return ast.parse(self.text)
        except NOT_PYTHON as error:
            line = f":{error.lineno or 1}" if isinstance(error, SyntaxError) else ""
            raise ReadError(f"{self.path}{line}: {why_not_python(error)}") from error


def why_not_python(error: Exception) -> str:
    """The reason why a text does not parse, and the version of Python."""
    if isinstance(error, SyntaxError):
        return f"not valid Python {sys.version_info.major}.{sys.version_info.minor}: {error.msg}"
    return NESTED if isinstance(error, (RecursionError, MemoryError)) else str(error)


def read_module(file: str, stdin_display_name: str = "stdin") -> Module:
    """Read one file.

    Args:
        file: Its path, or ``-`` for standard input.
        stdin_display_name: The name of standard input in reports.

    Raises:
        ReadError: It is missing, unreadable, or not in the encoding that it declares.
    """
    path = stdin_display_name if file == STDIN else file
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise ReadError(f"{path}: {_lower(error.strerror or str(error))}") from error
    return module_of(path, content)


def module_of(path: str, content: bytes) -> Module:
    """A module from the bytes of its file.

    Raises:
        ReadError: They are not in the encoding that they declare.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        lines = io.TextIOWrapper(io.BytesIO(content), encoding).readlines()
    except UnicodeDecodeError as error:
        raise ReadError(f"{path}: not {error.encoding.upper()} ({error.reason})") from error
    except (SyntaxError, LookupError) as error:
        # For bytes that do not fit, the tokenizer reports "invalid or missing encoding declaration".
        unknown = str(error).startswith("unknown encoding")
        raise ReadError(f"{path}: {error if unknown else 'not UTF-8'}") from error
    return Module(path, lines)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
