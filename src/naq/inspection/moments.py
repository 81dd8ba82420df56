"""Times as people give them: a span before now, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from naq.exceptions import JobError

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def moment(text: str) -> datetime:
    """Return the time that a text names: a span before now, or a time, which without a zone is UTC.

    Raises:
        JobError: it names none.
    """
    span = _SPAN.fullmatch(text.strip())
    try:
        if span:
            return datetime.now(UTC) - timedelta(seconds=float(span[1]) * _SECONDS[span[2]])
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise JobError(
            f"{text!r} is no time: give 90s, 5min, 2h, 7d, or 2026-01-31T12:00"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
