"""The table of nats-py's names, made from an installed nats-py: the linter imports no NATS library."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def table() -> dict[str, Any]:
    """Version, modules with their names, methods of the handles, keywords of their calls."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def gives(module: str, name: str) -> bool | None:
    """Whether a star import of a module of nats-py binds a name, None for an unknown module."""
    names = table()["modules"].get(module)
    return name in names if names is not None else None
