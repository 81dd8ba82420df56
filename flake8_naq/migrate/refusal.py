"""Why a site stays as it is."""

from __future__ import annotations


class RefusedError(Exception):
    """A place that stays as it is. The message is the reason, in one line."""
