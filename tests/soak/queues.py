"""What the soak asks of a queue that it loads."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from account import Account
from load import Scene
from servers import Cluster


class LoadedQueue(Protocol):
    """A queue under load; see ``naq_queue`` and ``taskiq_queue``."""

    name: str
    stream: str
    account: Account
    scenes: Sequence[tuple[float, Scene]]

    def environment(self) -> dict[str, str]:
        """Return the variables that its processes need."""

    def worker(self, *, steady: bool) -> list[str]:
        """Return the command of a worker; the steady one is never killed."""

    def scheduler(self) -> list[str] | None:
        """Return the command of a scheduler; None where there is none."""

    async def open(self) -> None:
        """Make what it needs on the servers."""

    async def play_beside(self, over: asyncio.Event) -> None:
        """Do what is not drawn by chance, until the soak is over."""

    async def settled(self) -> bool:
        """Look which outcomes are there; return whether none is missing."""

    async def on_servers(self) -> set[str]:
        """Return the ids of the jobs that are still there."""

    async def close(self) -> None:
        """Close every connection."""


@dataclass(frozen=True)
class Site:
    """Where a queue is loaded.

    Args:
        cluster: the servers.
        ledger: the file in which runs are written down.
        every: seconds between two kills on average.
    """

    cluster: Cluster
    ledger: Path
    every: float


def python(*words: str) -> list[str]:
    """Return a command that runs Python."""
    return [sys.executable, *words]
