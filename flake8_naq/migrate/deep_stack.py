"""Works on modules that nest deeper than Python's recursion limit allows."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from flake8_naq.files.source_text import SourceError

T = TypeVar("T")

# Enough for a chain of 10,000 calls; the system only provides what is used of the stack.
_LIMIT = 60_000
_STACK = 512 * 1024 * 1024


def deeply(work: Callable[[], T]) -> T:
    """The result of ``work``, which runs again on a deep stack where the usual one is too small.

    Args:
        work: Has no effect before it succeeds.

    Raises:
        RecursionError: The deep stack is too small as well, or there are no threads.
    """
    try:
        return work()
    except RecursionError:
        pass
    except SourceError as error:
        if not isinstance(error.__cause__, RecursionError):
            raise
    return _on_a_deep_stack(work)


def _on_a_deep_stack(work: Callable[[], T]) -> T:
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - the caller raises it
            errors.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size()
    try:
        threading.stack_size(_STACK)
        # An interrupt ends the run without waiting for it.
        thread = threading.Thread(target=run, daemon=True)
        sys.setrecursionlimit(_LIMIT)
        thread.start()
        thread.join()
    except (RuntimeError, ValueError) as error:
        # No threads here, or none with such a stack.
        raise RecursionError from error
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    if errors:
        raise errors[0]
    return results[0]
