"""Queues, and what goes into them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naq.queue.core import Queue
    from naq.queue.sizes import queue_sizes

__all__ = ["Queue", "queue_sizes"]


def __getattr__(name: str) -> Any:
    # When first used: schedules need parts of this package, and a queue needs schedules.
    if name not in __all__:
        raise AttributeError(f"module 'naq.queue' has no attribute {name!r}")
    home = "naq.queue.core" if name == "Queue" else "naq.queue.sizes"
    return getattr(importlib.import_module(home), name)
