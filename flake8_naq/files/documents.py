"""Files: their bytes, their text, their encoding."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from flake8_naq.files.source_text import Codec, SourceError, decode
from flake8_naq.paths import STDIN


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text, and how to write it back.

    Attributes:
        path: Its path, as the user wrote it.
        text: Its text, line endings as they stand.
        codec: Its encoding.
    """

    path: str
    text: str
    codec: Codec


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input.

    Raises:
        SourceError: It cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise SourceError((error.strerror or str(error)).lower()) from error


def document(path: str, content: bytes) -> Document:
    """A file from its bytes.

    Raises:
        SourceError: The bytes do not fit the encoding that they declare.
    """
    text, codec = decode(content)
    return Document(path, text, codec)
