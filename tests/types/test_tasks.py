"""Tasks under type checkers: arguments, settings and results have their types."""

from __future__ import annotations

from collections.abc import Callable

import pytest

TASKS = """
import datetime as dt
from naq import task

@task
async def fetch(url: str, *, tries: int = 1) -> bytes:
    return b""

@task(queue="sums", retries=3, timeout=dt.timedelta(seconds=5))
def add(a: int, b: int = 0) -> int:
    return a + b

@task
def total(values: list[int], start: int = 0) -> str: return ""

@task
def parse(data: bytes, *, strict: bool) -> int: return 0

@task(retries=1)
async def store(day: dt.date) -> None: ...
"""

RIGHT = """
import datetime as dt
import naq
from tasks import add, fetch, parse, store, total
from naq import JobHandle, gather, sync

async def main() -> None:
    handle: JobHandle[bytes] = await fetch.enqueue("x", tries=3)
    data: bytes = await handle.result(timeout=3)
    number: int = await (await add.options(delay=30, job_id="a").enqueue(1, b=2)).result()
    status: naq.JOB_STATUS | None = await handle.status()
    cancelled: bool = await handle.cancel()
    await naq.enqueue_many([add.job(1), store.job(dt.date.today())])
    await store.options(cron="0 3 * * *", timezone="Asia/Tokyo").schedule(dt.date.today())
    body: bytes = await fetch("x")
    await (await store.enqueue(dt.date.today())).result()
    await add.options(depends_on=[handle, "id"], on_parent_failure="run").enqueue(3)
    parsed: JobHandle[int] = await parse.after(handle).enqueue(strict=True)
    both: JobHandle[int] = await add.after(parsed, parsed).enqueue()
    group: naq.Group[int] = await add.map([1, 2, 3], b=5)
    text: str = await (await total.after(group).enqueue(start=3)).result()
    numbers: list[int] = await group.results(timeout=3)
    results: tuple[bytes, int] = await gather(handle, parsed)
    many: tuple[int, ...] = await gather(*group)
    same: naq.Group[int] = await add.group(add.job(n) for n in range(3))

three: int = add(1, 2)
joined: str = sync.task(total).after(sync.task(add).map([1])).enqueue(start=3).result()
result: int = sync.task(add).enqueue(1).result()
blocking: sync.JobHandle[bytes] = sync.task(fetch).options(delay=1).enqueue("x")

@sync.task(queue="x")
def view(a: int) -> str: return str(a)

text: str = view.enqueue(3).result(timeout=3)
"""

WRONG = {
    "a missing argument": "async def f() -> None: await fetch.enqueue()",
    "an unknown argument": "async def f1() -> None: await fetch.enqueue('x', time=3)",
    "an argument of another type": "async def f2() -> None: await add.enqueue('x')",
    "an argument of a job": "add.job('x')",
    "an option among the arguments": "async def f3() -> None: await add.enqueue(1, delay=3)",
    "an unknown option": "add.options(dely=3)",
    "an option of another type": "add.options(retries='3')",
    "an unknown setting": "@task(max_retries=3)\ndef g() -> None: ...",
    "a setting of another type": "@task(queue=5)\ndef g1() -> None: ...",
    "a result of another type": "async def f4() -> str: return await (await add.enqueue(1)).result()",
    "a result that does not fit the next task": "async def f5() -> None: parse.after(await add.enqueue(1))",
    "an argument after a result": "async def f6() -> None: await parse.after(await fetch.enqueue('x')).enqueue(strict=3)",
    "a group that does not fit": "async def f7() -> None: total.after(await fetch.map(['x']))",
    "an argument beside items": "async def f8() -> None: await add.map([1], b='x')",
    "a gathered result of another type": "async def f9() -> tuple[str]: return await gather(await add.enqueue(1))",
    "a call with a wrong argument": "add('x')",
    "a call that is not awaited": "data: bytes = fetch('x')",
    "a wrong argument without await": "sync.task(add).enqueue('x')",
    "a result of another type without await": "t: str = sync.task(add).enqueue(1).result()",
}  # fmt: skip

PYRIGHT_ONLY = {"a result that does not fit the next task", "a group that does not fit"}
"""mypy infers `object` for the first parameter where it is taken out of a ParamSpec."""

_START = ["from naq import gather, sync, task", "from tasks import add, fetch, parse, total"]


@pytest.fixture(scope="module")
def errors(check: Callable[..., str]) -> str:
    """What a type checker finds in a right and in a wrong program."""
    return check(tasks=TASKS, right=RIGHT, wrong="\n".join([*_START, *WRONG.values(), ""]))


def line_of(name: str) -> int:
    before = list(WRONG.values())[: list(WRONG).index(name)]
    return len(_START) + 1 + sum(text.count("\n") + 1 for text in before)


def test_a_right_program_passes(errors: str) -> None:
    assert "right.py:" not in errors
    assert "tasks.py:" not in errors


@pytest.mark.parametrize("name", WRONG)
def test_a_type_checker_finds(errors: str, name: str) -> None:
    is_mypy = " - error: " not in errors
    if not (is_mypy and name in PYRIGHT_ONLY):
        assert f"wrong.py:{line_of(name)}:" in errors
