"""The soak: its account finds what is lost, stuck, wrong or doubled, and naq passes a short one."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import naq
from naq.connection import close_all_connections, nats_jetstream
from naq.names import Names
from naq.server import NatsServer

ROOT = Path(__file__).parents[2]
SOAK = ROOT / "tests" / "soak"
KINDS = {"server", "leader", "outage", "worker", "scheduler"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import one of the soak's modules, which are scripts beside each other."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(SOAK))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if str(SOAK) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
async def queue(nats_server: NatsServer, part: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """naq as the soak loads it, on one server."""
    module = part("naq_queue")
    cluster = SimpleNamespace(urls=[nats_server.url])
    site = part("queues").Site(cluster, tmp_path / "ledger", 1.0)
    loaded = module.NaqQueue(site)
    loaded._config = naq.Config(servers=(nats_server.url,))
    await loaded.open()
    yield loaded
    await close_all_connections()


async def promise(queue: Any, part: Any, job_id: str, function: str, *args: Any) -> None:
    await queue._enqueue(
        "plain", job_id, function, *args, becomes=part("account").Outcome("result", 2.0)
    )


async def work(queue: Any) -> None:
    async with asyncio.timeout(30):
        await naq.Worker("soak", queue._config, burst=True).run()


async def test_the_account_finds_a_lost_job(queue: Any, part: Any) -> None:
    for job_id in ("kept", "dropped"):
        await promise(queue, part, job_id, "math:sqrt", 4)
    async with nats_jetstream(queue._config) as (_, js):
        await js.purge_stream(Names().job_stream, subject=Names().job_subject("soak", "dropped"))
    await work(queue)
    assert not await queue.settled()
    verdict = queue.account.judge(await queue.on_servers(), {})["plain"]
    assert (verdict.promised, verdict.lost, verdict.stuck) == (2, ["dropped"], [])
    assert not verdict.kept


async def test_the_account_finds_a_stuck_job_and_a_wrong_outcome(queue: Any, part: Any) -> None:
    await promise(queue, part, "wrong", "math:sqrt", -1)
    await work(queue)
    await promise(queue, part, "queued", "math:sqrt", 4)
    assert not await queue.settled()
    verdict = queue.account.judge(await queue.on_servers(), {})["plain"]
    assert (verdict.lost, verdict.stuck) == ([], ["queued"])
    assert verdict.wrong == ["wrong: failure ValueError"]


def test_a_repeat_is_doubled_unless_a_kill_explains_it(part: Any) -> None:
    account, ledger = part("account"), part("ledger")
    fault, end = part("faults").Fault, part("processes").Exit
    made = account.Account()
    made.promise("x", "plain", account.Outcome("run"))
    made.found["x"] = account.Outcome("run")

    def doubled(first: Any, *, faults: Any = (), exits: Any = ()) -> int:
        runs = {"x": [first, ledger.Run("x", 2, 100.0, 101.0)]}
        return len(made.judge((), runs, faults, exits)["plain"].doubled)

    returned = ledger.Run("x", 1, 10.0, 11.0)
    assert doubled(returned) == 1
    assert doubled(returned, faults=[fault("leader", 12.0, 15.0)]) == 0
    assert doubled(returned, faults=[fault("leader", 50.0, 55.0)]) == 1
    assert doubled(returned, exits=[end(1, 11.5, -9)]) == 0
    assert doubled(returned, exits=[end(3, 11.5, -9)]) == 1
    assert doubled(ledger.Run("x", 1, 10.0)) == 0
    assert doubled(ledger.Run("x", 1, 10.0, 11.0, raised=True)) == 0


def test_the_seed_decides_the_kills(part: Any) -> None:
    def first_rounds(seed: int) -> list[Any]:
        planned = part("faults").plan(seed, 8.0)
        return [next(planned) for _ in range(10)]

    assert first_rounds(1) == first_rounds(1) != first_rounds(2)
    assert {each.kind for each in first_rounds(1)[:5]} == KINDS


@pytest.mark.timeout(240)
def test_a_short_soak_kills_one_of_each_kind_and_finds_nothing_amiss() -> None:
    command = ["tests/soak", "4s", "--every", "1s", "--seed", "11", "--rate", "10"]
    done = subprocess.run(
        [sys.executable, *command, "--workers", "1", "--no-peer", "--json"],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=220,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    figures = dict(found["tables"][0]["rows"])
    assert found["seed"] == 11
    assert {name for name in KINDS if figures[f"kills: {name}"] == "1"} == KINDS
    assert (figures["lost"], figures["stuck"], figures["sockets leaked"]) == ("0", "0", "0")
    assert int(figures["jobs enqueued"]) > 10
