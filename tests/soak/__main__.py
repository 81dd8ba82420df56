"""Load naq, and taskiq-nats after it, while servers, leaders, workers and schedulers are killed.

Run it with ``tox run -e soak -- 30m``, or ``python tests/soak 30m``: so long for each of the two,
and until there was one kill of each kind.
The seed decides the load and the kills. It exits with 1 when a job of naq's is lost, stuck, or has
another outcome than it has to have. All servers run on the loopback interface. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import logging
import random
import re
import signal
import sys
from pathlib import Path

from naq_queue import NaqQueue
from report import document, kept, show
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from soak import Findings, Settings, soak

PEER = "taskiq-nats"
_UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """Return a duration such as 90s, 30m or 2h in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"expected a duration such as 90s, 30m or 2h, got {text!r}"
        )
    return float(match[1]) * _UNITS[match[2] or "s"]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="soak", description=__doc__)
    made.add_argument("duration", nargs="?", type=seconds, default="5m", help="such as 90s or 30m")
    made.add_argument("--seed", type=int, help="by default another one each time")
    made.add_argument("--workers", type=int, default=Settings.workers, help="that may be killed")
    made.add_argument("--rate", type=float, default=Settings.rate, help="of jobs a second, roughly")
    made.add_argument("--every", type=seconds, default=Settings.every, help="between two kills")
    made.add_argument("--settle", type=seconds, default=Settings.settle, help="after the last kill")
    made.add_argument("--folder", type=Path, help="keep the ledger and the workers' log here")
    made.add_argument("--no-peer", action="store_true", help=f"leave {PEER} out")
    made.add_argument("--json", action="store_true", help="print what the site's page shows")
    return made


async def main(settings: Settings, peer: bool, console: Console) -> list[Findings]:
    """Soak naq, and the peer."""
    task = asyncio.current_task()
    assert task is not None
    # Whoever ends the soak early must not leave servers behind.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    columns = (
        TextColumn("{task.description:<12}"), BarColumn(), TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bars:
        shown = {"naq": bars.add_task("naq", total=1.0, words="")}
        if peer:
            shown[PEER] = bars.add_task(PEER, total=1.0, words="", start=False)

        def progress(name: str, share: float, words: str) -> None:
            bars.start_task(shown[name])
            bars.update(shown[name], completed=share, words=words)

        found = [await soak(NaqQueue, NaqQueue.stream, settings, progress)]
        if peer:
            from taskiq_queue import TaskiqQueue

            found.append(await soak(TaskiqQueue, TaskiqQueue.stream, settings, progress))
    return found


def run() -> int:
    """Run the command; return the exit code."""
    options = parser().parse_args()
    logging.disable()  # outages are what this is about
    console = Console(stderr=True)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    console.print(f"seed {seed}", highlight=False)
    peer = not options.no_peer
    if peer and importlib.util.find_spec("taskiq_nats") is None:
        console.print(f"{PEER} is left out: it is not installed", highlight=False)
        peer = False
    settings = Settings(
        options.duration, seed, options.workers, options.rate, options.every, options.settle,
        options.folder,
    )  # fmt: skip
    found = asyncio.run(main(settings, peer, console))
    made = document(found, settings)
    if options.json:
        print(json.dumps(made, ensure_ascii=False))
        show(made, found, console)
    else:
        show(made, found, Console())
    return 0 if kept(found) else 1


if __name__ == "__main__":
    sys.exit(run())
