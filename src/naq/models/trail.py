"""The trail of a job: bytes behind its outcome in the same stored value.

Behind, and not in headers: the server and the client look through headers byte by byte, for each job. A
footer of fixed length ends the value and gives the trail's length. A pickle ends by itself, so
whatever reads one overlooks the trail; other outcomes are read without it.
"""

from __future__ import annotations

from typing import Final

_MARK: Final = b"\nnaq-trail "
_FOOTER: Final = len(_MARK) + 8


def with_trail(outcome: bytes, trail: bytes) -> bytes:
    """Return a value to store: an outcome, and its trail."""
    return b"%b\n%b\nnaq-trail %08x" % (outcome, trail, len(trail))


def split_trail(data: bytes) -> tuple[bytes, bytes]:
    """Return the outcome and the trail of a stored value; b"" where it has none."""
    end = len(data) - _FOOTER
    if end < 0 or not data.startswith(_MARK, end):
        return data, b""
    try:
        start = end - int(data[-8:], 16)
    except ValueError:
        return data, b""
    if start < 1 or data[start - 1 : start] != b"\n":
        return data, b""
    return data[: start - 1], data[start:end]
