"""A source file as bytes and as lines: an edit keeps everything outside of it byte for byte."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from flake8_naq.message import ExplainedError
from flake8_naq.modules import NOT_PYTHON, why_not_python

# Python ends a line here and nowhere else; `str.splitlines` also does at form feeds and the like.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_LEADING = re.compile(r"[ \t\f]*")


class SourceError(ExplainedError):
    """A file that cannot be read as Python, in one line."""


@dataclass(frozen=True, slots=True)
class Codec:
    """The encoding of a file.

    Attributes:
        encoding: Name of the encoding.
        bom: Whether the file starts with UTF-8's byte order mark.
    """

    encoding: str
    bom: bool

    def encode(self, text: str) -> bytes:
        """The bytes of a changed text, in the file's own encoding."""
        return (codecs.BOM_UTF8 if self.bom else b"") + text.encode(self.encoding)


def decode(content: bytes) -> tuple[str, Codec]:
    """Read bytes as Python does: by byte order mark, coding comment, or as UTF-8.

    Raises:
        SourceError: The encoding is unknown, or the bytes do not fit it.
    """
    bom = content.startswith(codecs.BOM_UTF8)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        codec = Codec("utf-8" if bom else encoding, bom)
        return content.removeprefix(codecs.BOM_UTF8).decode(codec.encoding), codec
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "msg", None) or str(error)
        raise SourceError(f"cannot be decoded: {reason}") from error


class Source:
    """The text of a module with its tree and tokens.

    Attributes:
        text: The whole text with its own line endings.
        lines: Its lines, endings kept; line N of the tree is ``lines[N - 1]``.
        tree: Its syntax tree.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[str] = _LINE.findall(text)
        try:
            self.tree = ast.parse(text)
        except NOT_PYTHON as error:
            line = getattr(error, "lineno", None)
            where = f" (line {line})" if line else ""
            raise SourceError(f"{why_not_python(error)}{where}") from error

    @cached_property
    def newline(self) -> str:
        """The line ending of new lines: the most frequent one of the file."""
        ends = [line[len(line.rstrip("\r\n")) :] for line in self.lines]
        found = [end for end in ends if end]
        return max(dict.fromkeys(found), key=found.count) if found else "\n"

    @cached_property
    def tokens(self) -> list[tokenize.TokenInfo]:
        """The module's tokens."""
        return list(tokenize.generate_tokens(io.StringIO(self.text, newline="").readline))

    @cached_property
    def inside_string(self) -> frozenset[int]:
        """Numbers of the lines that start inside a string, whose indentation is content."""
        inside: set[int] = set()
        for token in _strings(self.tokens):
            inside.update(range(token[0] + 1, token[1] + 1))
        return frozenset(inside)

    @cached_property
    def comments(self) -> dict[int, tuple[int, str]]:
        """Line number to the column and the text of its comment."""
        return {
            token.start[0]: (token.start[1], token.string)
            for token in self.tokens
            if token.type == tokenize.COMMENT
        }

    def indentation(self, number: int) -> str:
        """The indentation of a line."""
        found = _LEADING.match(self.lines[number - 1])
        return found.group() if found else ""

    def column(self, number: int, offset: int) -> int:
        """The column in characters of a column in UTF-8 bytes, as the tree counts."""
        line = self.lines[number - 1]
        return offset if line.isascii() else len(line.encode()[:offset].decode())

    def segment(self, node: ast.expr) -> str:
        """The source text of an expression."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.column(node.lineno, node.col_offset)
        end = self.column(node.end_lineno, node.end_col_offset)
        if node.lineno == node.end_lineno:
            return self.lines[node.lineno - 1][start:end]
        between = self.lines[node.lineno : node.end_lineno - 1]
        return "".join(
            [self.lines[node.lineno - 1][start:], *between, self.lines[node.end_lineno - 1][:end]]
        )

    def alone(self, statement: ast.stmt) -> bool:
        """Whether no other statement, and no header, stands on the statement's lines."""
        assert statement.end_lineno is not None
        assert statement.end_col_offset is not None
        start = self.column(statement.lineno, statement.col_offset)
        end = self.column(statement.end_lineno, statement.end_col_offset)
        before = self.lines[statement.lineno - 1][:start]
        after = self.lines[statement.end_lineno - 1][end:].strip()
        continued = statement.lineno > 1 and self.lines[statement.lineno - 2].rstrip(
            "\r\n"
        ).endswith("\\")
        return not before.strip() and not continued and (not after or after.startswith("#"))


def _strings(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[tuple[int, int]]:
    """First and last line of every string token; from 3.12 an f-string is several tokens."""
    start = getattr(tokenize, "FSTRING_START", None)
    end = getattr(tokenize, "FSTRING_END", None)
    opened: list[int] = []
    for token in tokens:
        if token.type == tokenize.STRING:
            yield token.start[0], token.end[0]
        elif start is not None and token.type == start:
            opened.append(token.start[0])
        elif end is not None and token.type == end:
            yield opened.pop(), token.end[0]
