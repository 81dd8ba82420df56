"""Modules that a command imports."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from naq.cli.output import fail


def find_modules_here() -> None:
    """Let the modules of the current folder be imported, as ``python -m`` does."""
    if not sys.flags.safe_path and "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def import_module(name: str) -> None:
    """Import a module, or end the command with the reason."""
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a module may raise anything
        fail(f"cannot import {name}: {type(error).__name__}: {error}")
