"""A worker runs only what its operator allows, and reading a result runs no code."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import naq
from naq.connection import nats_jetstream, nats_kv_store
from naq.exceptions import JobError, JobFailedError, SerializationError
from naq.models import Job
from naq.models.trail import split_trail
from naq.serializers import CLOUDPICKLE

ME = __name__
ran: list[str] = []


def allowed(word: str = "ran") -> str:
    ran.append(word)
    return word


def also_allowed() -> str:
    return "also"


def delay(_attempt: int) -> float:
    ran.append("delay")
    return 0.0


class Group:
    @staticmethod
    def member() -> str:
        return "member"


class Bomb:
    """Runs code when it is read."""

    def __reduce__(self) -> Any:
        return explode, ()


def explode() -> None:
    ran.append("bomb")


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


async def work(url: str, **settings: Any) -> None:
    async with asyncio.timeout(30):
        await naq.Worker(config=url, burst=True, **settings).run()


async def run_one(url: str, job: Job, **settings: Any) -> Any:
    await naq.Queue(config=url).enqueue(job)
    await work(url, **settings)
    return await naq.fetch_job_result(job, config=url, timeout=0)


@pytest.mark.parametrize("name", ["allowed", "also_allowed", "Group.member"])
async def test_a_module_allows_the_functions_defined_in_it(url: str, name: str) -> None:
    assert await run_one(url, Job(f"{ME}:{name}", serializer="json"), allow=[ME])


async def test_a_function_is_allowed_alone(url: str) -> None:
    assert await run_one(url, Job(allowed, serializer="json"), allow=[allowed]) == "ran"
    with pytest.raises(JobFailedError, match=f"may not run {ME}:also_allowed: allowed are {ME}"):
        await run_one(url, Job(also_allowed, serializer="json"), allow=[f"{ME}:allowed"])


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        f"{ME}:os.getpid",
        f"{ME}:subprocess.Popen",
        f"{ME}:asyncio",
        f"{ME}:allowed.__globals__.clear",
        f"{ME}:Group.__subclasses__",
        f"{ME}:pytest.main",
        f"{ME}:ran.append",
        f"{ME}:nothing",
        f"{ME}:",
        ":x",
    ],
)
async def test_whatever_else_is_refused(url: str, name: str) -> None:
    with pytest.raises(JobFailedError, match="JobRefusedError: this worker may not run"):
        await run_one(url, Job(name, serializer="json"), allow=[ME])


@pytest.mark.parametrize("isolated", [False, True])
async def test_a_refused_job_is_not_imported_or_retried(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated: bool
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    job = Job("evil:run", serializer="json", retries=3, isolated=isolated)
    with pytest.raises(JobFailedError, match="may not run evil:run"):
        await run_one(url, job, allow=[ME])
    assert not mark.exists()


async def test_a_retry_strategy_has_to_be_allowed_too(url: str) -> None:
    data = orjson.loads(Job(allowed, serializer="json").serialize().partition(b"\n")[0])
    data |= {"id": "x", "retries": 1, "retry": {"kind": "function", "name": "os:_exit"}}
    await naq.Queue(config=url).enqueue("math:sqrt", 4, serializer="json")
    async with nats_jetstream(url) as (_, js):
        await js.publish("naq.jobs.default.x", orjson.dumps(data) + b"\n[[],{}]")
    await work(url, allow=[ME, "math:sqrt"])
    with pytest.raises(JobFailedError, match="may not run os:_exit"):
        await naq.fetch_job_result("x", config=url, timeout=0)
    assert ran == []


async def test_the_function_is_the_one_in_the_head(url: str) -> None:
    await naq.Queue(config=url).enqueue("math:sqrt", 4, serializer="json")
    head = Job("math:sqrt", serializer="json", job_id="x").serialize().partition(b"\n")[0]
    body = b'[["id"],{},{"function":"os:system"}]'
    async with nats_jetstream(url) as (_, js):
        await js.publish("naq.jobs.default.x", head + b"\n" + body)
    await work(url, allow=["math:sqrt"])
    with pytest.raises(JobFailedError, match="malformed"):
        await naq.fetch_job_result("x", config=url, timeout=0)


@pytest.mark.parametrize("settings", [{"allow": [ME]}, {"allow": [ME], "serializers": ["json"]}])
async def test_a_worker_with_a_list_reads_no_pickle(url: str, settings: Any) -> None:
    job = Job(allowed, (Bomb(),), retries=2)
    with pytest.raises(JobFailedError, match="reads no cloudpickle jobs"):
        await run_one(url, job, **settings)
    assert ran == []


async def test_the_result_of_a_parent_is_not_unpickled_by_a_worker_with_a_list(url: str) -> None:
    parent = await naq.enqueue("math:sqrt", 4, config=url)
    await work(url)
    async with nats_kv_store("job_results", url) as kv:
        await kv.put(parent.job_id, pickle.dumps(Bomb()))
    child = Job(allowed, serializer="json", depends_on=parent, pass_results=True)
    with pytest.raises(JobFailedError, match="reads no cloudpickle jobs"):
        await run_one(url, child, allow=[ME])
    assert ran == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"serializers": ["json"]}, "runs only what it is allowed to"),
        ({"allow": [ME], "serializers": ["cloudpickle"]}, "cannot read pickle"),
        ({"allow": ["no.such"]}, "cannot import no.such"),
        ({"allow": [f"{ME}:nothing"]}, f"cannot import {ME}:nothing"),
    ],
)
def test_a_list_that_promises_too_much_or_too_little_is_refused(
    settings: Any, message: str
) -> None:
    with pytest.raises(JobError, match=message):
        naq.Worker(**settings)


async def test_the_command_line_allows_what_it_imports(url: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import json\nfrom naq import register_serializer\n"
        "class Own:\n    name = 'own'\n"
        "    def dumps(self, value): return json.dumps(value).encode()\n"
        "    def loads(self, data): return json.loads(data)\n"
        "register_serializer(Own())\n"
        "def double(number): return 2 * number\n",
        encoding="utf-8",
    )
    (tmp_path / "client.py").write_text(
        "import asyncio, sys, own\nfrom naq import enqueue, Worker, fetch_job_result\n"
        "async def main():\n"
        "    await enqueue(own.double, 4, job_id='good', serializer='own', config=sys.argv[1])\n"
        "    await enqueue('os:getpid', job_id='bad', serializer='own', config=sys.argv[1])\n"
        "    await enqueue(own.double, 4, job_id='pickled', config=sys.argv[1])\n"
        "asyncio.run(main())\n",
        encoding="utf-8",
    )
    naq_ = [sys.executable, "-c", "from naq.cli.main import main; main()"]
    words = ["worker", "--burst", "--url", url, "own", "--serializer", "own"]
    for command in ([sys.executable, "client.py", url], [*naq_, *words]):
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}
        )
        assert await asyncio.wait_for(process.wait(), 60) == 0
    async with nats_kv_store("job_results", url) as kv:
        outcome, _ = split_trail((await kv.get("good")).value or b"")
        assert outcome.endswith(b"\n8")
    with pytest.raises(JobFailedError, match="may not run os:getpid: allowed are own"):
        await naq.fetch_job_result("bad", config=url, timeout=0)
    with pytest.raises(JobFailedError, match="reads no cloudpickle jobs, only own ones"):
        await naq.fetch_job_result("pickled", config=url, timeout=0)


async def test_naq_worker_names_the_module_that_it_cannot_import(url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from naq.cli.main import main; main()", "worker",
        "no_such_module", "--url", url, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, message = await process.communicate()
    assert process.returncode == 1
    assert b"cannot import no_such_module" in message


async def test_a_result_that_would_run_code_is_not_read_unless_asked_for(url: str) -> None:
    job = await naq.enqueue("math:sqrt", 4, config=url)
    await work(url)
    async with nats_kv_store("job_results", url) as kv:
        await kv.put(job.job_id, pickle.dumps(Bomb()))
    with pytest.raises(SerializationError, match="may run code: give unpickle=True"):
        await naq.fetch_job_result(job, config=url)
    with pytest.raises(SerializationError, match=f"the result of job {job.job_id} is not read"):
        await naq.Results(url).get_result(job.job_id)
    assert ran == []
    await naq.fetch_job_result(job, unpickle=True, config=url)
    assert ran == ["bomb"]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary() | st.decimals(allow_nan=False) | st.datetimes() | st.uuids() | st.complex_numbers(
        allow_nan=False) | st.fractions() | st.timedeltas() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(), inner, max_size=3) | st.frozensets(st.integers(), max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(PLAIN)
def test_plain_values_are_read_without_asking(value: Any) -> None:
    assert CLOUDPICKLE.loads_plain(CLOUDPICKLE.dumps(value)) == value


@pytest.mark.parametrize(
    "value", [Bomb(), os.system, allowed, lambda: 1, Group, subprocess.Popen, print, eval]
)
def test_a_pickle_that_names_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(SerializationError, match="may run code"):
        CLOUDPICKLE.loads_plain(CLOUDPICKLE.dumps([value]))
    assert ran == []
