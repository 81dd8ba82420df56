"""The pytest plugin, in projects of its users."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "naq" / "how-to" / "testing.md"

SHOP = """
import datetime as dt
import naq, naq.sync
from naq import task, current_job, lifespan_state

@task(queue="mail", retries=2)
async def confirm(number: int, day: dt.date | None = None) -> dt.date:
    if number < 0:
        raise ValueError("no such order")
    return day or dt.date(2026, 1, 1)

@task
def total(first: int, second: int) -> int:
    return first + second

@task
async def wrong() -> int:
    return "text"

@task
def more(number: int) -> int:
    if number:
        naq.sync.task(more).enqueue(number - 1)
    return number

@task
async def attempts() -> int:
    return current_job().attempt

TRIES = []

@task(retries=2, retry=60)
def flaky() -> int:
    TRIES.append(1)
    if len(TRIES) < 3:
        raise ConnectionError
    return len(TRIES)

@task
def stateful() -> str:
    return lifespan_state(str)
"""

TESTS = """
import asyncio
import datetime as dt
import threading
import time

import pytest

import naq
import naq.sync
import shop
from naq.exceptions import ArgumentError, JobCancelledError, JobFailedError, ParentFailedError
from naq.exceptions import ResultTimeoutError

SLOW = time.perf_counter()

@pytest.mark.parametrize("turn", [1, 2])
async def test_a_worker_runs_all_queues(naq_worker, turn):
    assert await naq.queue_sizes() == {}
    handle = await shop.confirm.options(job_id="same").enqueue(1)
    other = await shop.total.enqueue(1, 2)
    naq_worker.run()
    assert await handle.result(timeout=1) == dt.date(2026, 1, 1)
    assert await other.result(timeout=1) == 3

def test_a_worker_in_a_plain_test(naq_worker, monkeypatch):
    monkeypatch.setattr(dt, "date", dt.date)
    handle = naq.sync.task(shop.more).enqueue(3)
    naq_worker.run()
    assert handle.result(timeout=1) == 3
    assert len(naq.sync.Results().list_results()) == 4
    naq.sync.close()

async def test_a_failed_job(naq_worker):
    handle = await shop.confirm.options(retries=0).enqueue(-1)
    naq_worker.run("mail", concurrency=1)
    with pytest.raises(JobFailedError, match="no such order"):
        await handle.result(timeout=1)

async def test_jobs_that_are_left(naq_worker):
    await naq.enqueue(time.sleep, 2)
    with pytest.raises(TimeoutError, match="jobs are left after 0.5 s, by their queue: {'default': 1}"):
        naq_worker.run(timeout=0.5, shutdown_timeout=0)

def test_the_server_is_one_and_its_names_are_the_test_s(naq_server, naq_config):
    assert naq.get_config() is naq_config
    assert naq_config.servers == (naq_server.url,)
    assert naq_config.prefix

def test_the_configuration_is_that_of_the_environment_again(monkeypatch):
    monkeypatch.setenv("NAQ_SERVERS", "nats://elsewhere:4222")
    assert naq.get_config().servers == ("nats://elsewhere:4222",)
    naq.config._current = None

async def test_inline(naq_inline):
    handle = await shop.confirm.enqueue(1, day=dt.date(2027, 1, 1))
    assert await handle.result() == dt.date(2027, 1, 1)
    assert await handle.status() == "completed"
    assert [job.function_name for job in naq_inline.jobs] == ["shop:confirm"]

def test_inline_in_a_plain_test(naq_inline):
    here = threading.get_ident()
    names = []
    handle = naq.sync.task(shop.more).enqueue(2)
    assert (handle.result(), len(naq_inline.jobs)) == (2, 3)
    job = naq.sync.enqueue(seen_in)
    assert naq.sync.fetch_job_result(job) == here

def seen_in():
    return threading.get_ident()

async def test_inline_has_the_same_errors(naq_inline):
    with pytest.raises(ArgumentError, match="argument number: expected int, got str"):
        await shop.confirm.enqueue("x")
    with pytest.raises(JobFailedError, match="ValueError: no such order") as raised:
        await (await shop.confirm.enqueue(-1)).result()
    assert "shop.py" in raised.value.traceback
    with pytest.raises(JobFailedError, match="wrong: the result: expected int, got str"):
        await (await shop.wrong.enqueue()).result()
    with pytest.raises(JobFailedError, match="cannot write"):
        await naq.fetch_job_result(await naq.enqueue(object, serializer="json"))
    with pytest.raises(ResultTimeoutError):
        await shop.total.handle("none").result()

async def test_inline_retries_without_a_delay(naq_inline):
    assert await (await shop.flaky.enqueue()).result() == 3

async def test_inline_keeps_what_waits_for_its_time(naq_inline):
    handle = await shop.total.options(delay=60).enqueue(1, 2)
    nightly = await shop.total.options(job_id="n", cron="0 3 * * *").schedule(3, 4)
    assert await handle.status() == "scheduled"
    with pytest.raises(ResultTimeoutError):
        await handle.result()
    assert await naq_inline.run_scheduled() == 2
    assert await handle.result() == 3
    assert await naq_inline.run_scheduled() == 1
    later = await shop.total.options(delay=60).enqueue(1, 2)
    assert await later.cancel()
    with pytest.raises(JobCancelledError):
        await later.result()

async def test_inline_knows_dependents(naq_inline):
    first = await shop.total.options(delay=1).enqueue(1, 2)
    child = await shop.total.options(depends_on=first, pass_results=True).enqueue(4)
    assert await child.status() == "waiting"
    await naq_inline.run_scheduled()
    assert await child.result() == 7
    bad = await shop.confirm.enqueue(-1)
    for policy, error in (("fail", JobFailedError), ("cancel", JobCancelledError)):
        other = await shop.attempts.options(depends_on=bad, on_parent_failure=policy).enqueue()
        with pytest.raises(error, match="did not succeed: ValueError"):
            await other.result()
    last = await shop.attempts.options(depends_on=bad, on_parent_failure="run").enqueue()
    assert await last.result() == 1

async def test_inline_takes_many_and_each_id_once(naq_inline):
    assert await naq.enqueue_many(shop.total.job(1, 2) for _ in range(10)) == 10
    options = shop.total.options(job_id="a")
    assert [(await options.enqueue(1, 2)).enqueued for _ in range(2)] == ["new", "done"]

async def test_inline_has_state_and_middleware(naq_inline):
    seen = []
    async def middleware(context, call_next):
        seen.append(context.job.function_name)
        return await call_next(context)
    naq_inline.state, naq_inline.middleware = "state", [middleware]
    assert await (await shop.stateful.enqueue()).result() == "state"
    assert seen == ["shop:stateful"]
"""


def test_the_fixtures_run_jobs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP, test_shop=TESTS)
    done = pytester.runpytest_subprocess("-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=15)


def test_the_examples_of_the_page_pass(pytester: pytest.Pytester) -> None:
    text = PAGE.read_text(encoding="utf-8")
    examples = dict(
        re.findall(r'```\{\.python \.shown title="(\w+)\.py"\}\n(.*?)```', text, re.DOTALL)
    )
    assert set(examples) == {"shop", "test_on_a_server", "test_inline"}
    pytester.makepyfile(**examples)
    done = pytester.runpytest_subprocess("-q", "-o", "asyncio_mode=auto")
    done.assert_outcomes(passed=5)


def test_without_a_fixture_nothing_is_imported_or_changed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_it():\n"
        "    loaded = [name for name in sys.modules if name.split('.')[0] in ('naq', 'nats')]\n"
        "    assert set(loaded) == {'naq', 'naq.testing', 'naq.testing.plugin', 'naq.version'}\n"
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def test_every_fixture_begins_with_naq(pytester: pytest.Pytester) -> None:
    shown = pytester.runpytest_subprocess("--fixtures", "-q").stdout.str()
    ours = [line.split()[0] for line in shown.splitlines() if "naq/testing/plugin.py" in line]
    assert sorted(ours) == ["naq_config", "naq_inline", "naq_server", "naq_worker"]


def test_the_plugin_costs_little_at_the_start() -> None:
    program = (
        "import time, pytest; began = time.perf_counter(); import naq.testing.plugin;"
        "print(time.perf_counter() - began)"
    )
    times = [
        float(
            subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        )
        for _ in range(3)
    ]
    assert min(times) < 0.05, times


def test_the_server_is_gone_after_the_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from pathlib import Path\n"
        "def test_it(naq_server):\n"
        "    Path('server').write_text(f'{naq_server.pid} {naq_server.directory}')\n"
    )
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)
    pid, directory = (pytester.path / "server").read_text().split()
    assert not Path(f"/proc/{pid}").exists()
    assert not Path(directory).exists()
