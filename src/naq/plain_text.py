"""Text of others, made safe for a terminal and for a log."""

from __future__ import annotations

import re
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that move the cursor, colour, hide or turn around what follows; tab and line feed stay."""


def visible(text: str) -> str:
    """Return a text whose control characters a terminal shows and does not obey."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def visible_in_json(document: str) -> str:
    """Return a JSON document whose control characters are escaped."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", document)
