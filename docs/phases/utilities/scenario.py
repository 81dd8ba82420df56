"""The calls that hold the utilities before, fixed and now together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

BUCKETS: list[str] = []
STREAMS: list[str] = []

NOBODY = "nats://127.0.0.1:1"


async def prepare(js: JetStreamContext) -> None:
    """Nothing: the utilities ask for a server and no more."""


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Ask whether there is a server, wait for it, measure it; then where there is none."""
    utils = variant.load("utils")
    call = journal.call
    await call("is there a server", utils.test_nats_connection(url))
    await call("has it JetStream", utils.test_jetstream_connection(url))
    await call("wait for it", utils.wait_for_nats_connection(url, timeout=5))
    await call("measure it", _rates(utils, url))
    await call("is there one elsewhere", utils.test_nats_connection(NOBODY))
    await call("has that JetStream", utils.test_jetstream_connection(NOBODY))
    await call("wait for that", utils.wait_for_nats_connection(NOBODY, timeout=0.2, interval=0.05))
    await call("measure that", _rates(utils, NOBODY))


async def _rates(utils: Any, url: str) -> tuple[list[str], float]:
    """The names of the figures, and the one that does not differ from run to run."""
    figures = await utils.measure_connection_performance(url, iterations=3)
    return sorted(figures), figures["success_rate"]


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """There is nothing to prepare."""


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One call, again and again: what the phase is timed on."""
    utils = variant.load("utils")
    for _ in range(calls):
        await utils.test_nats_connection(url)
