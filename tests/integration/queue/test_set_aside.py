"""Messages that a worker does not understand are set aside, and never deleted."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.js.errors import BucketNotFoundError

import naq
from naq.connection import nats_jetstream
from naq.exceptions import JobError, JobFailedError
from naq.models import Job
from naq.server import run_nats_server
from naq.set_aside import SetAside, SetAsideMessage


async def work(url: str, **settings: Any) -> None:
    async with asyncio.timeout(30):
        await naq.Worker(config=url, burst=True, **settings).run()


async def publish(url: str, data: bytes, subject: str = "naq.jobs.default.x", **more: Any) -> None:
    async with nats_jetstream(url) as (_, js):
        await js.publish(subject, data, **more)


def with_head(job: Job, **changes: Any) -> bytes:
    head, _, body = job.serialize().partition(b"\n")
    return orjson.dumps(orjson.loads(head) | changes) + b"\n" + body


async def the_only_one(url: str) -> SetAsideMessage:
    (message,) = await SetAside(url).list()
    return message


@pytest.fixture
async def queue(url: str) -> naq.Queue:
    """A queue whose stream exists."""
    queue = naq.Queue(config=url)
    await queue.enqueue(math.sqrt, 4, job_id="good")
    return queue


@pytest.mark.parametrize(
    ("subject", "data", "job_id", "function"),
    [
        ("a=2Fb", b'{"naq":99,"function":"app:f"}', "a/b", "app:f"),
        ("=FF", b'{"naq":99,"function":5}', "=FF", ""),
        ("x", b"[[[", "x", ""),
    ],
)
async def test_a_message_keeps_what_names_it_and_its_times(
    url: str, queue: naq.Queue, subject: str, data: bytes, job_id: str, function: str
) -> None:
    await publish(url, data, f"naq.jobs.default.{subject}")
    await work(url)
    message = await the_only_one(url)
    assert (message.job_id, message.function, message.deliveries) == (job_id, function, 1)
    assert 0 < message.enqueued_at <= message.set_aside_at + 1


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"timeout": "5"}, "$.timeout"),
        ({"timeout": -1}, "$.timeout"),
        ({"retries": None}, "$.retries"),
        ({"retries": -3}, "$.retries"),
        ({"id": [1]}, "$.id"),
        ({"id": "with a space"}, "$.id"),
        ({"id": "line\n"}, "$.id"),
        ({"retry_on": None}, "$.retry_on"),
        ({"depends_on": ["*"]}, "$.depends_on"),
        ({"result_ttl": 0}, "$.result_ttl"),
        ({"isolated": "no"}, "$.isolated"),
        ({"queue": ""}, "$.queue"),
        ({"function": "print"}, "$.function"),
        ({"created": "now"}, "$.created"),
        ({"limit": {"key": "x"}}, "limit 'x'"),
        ({"limit": {"key": "x" * 1000, "at_once": 1}}, "limit 'xxx"),
        ({"naq": 2, "limit": {"key": "x", "per_day": 5}}, "format 2"),
    ],
)
async def test_a_malformed_head_is_set_aside_with_the_key_that_is_wrong(
    url: str, queue: naq.Queue, changes: dict[str, Any], key: str
) -> None:
    await publish(url, with_head(Job(math.sqrt, (9,), job_id="x"), **changes))
    await work(url)
    assert await naq.fetch_job_result("good", config=url, timeout=0) == 2
    assert key in (await the_only_one(url)).reason
    assert await queue.size() == 0


@pytest.mark.parametrize(
    "data", [b"", b"rubbish", b"\x80\x05K\x01.", b"[]", b'{"naq":"new"}', b"\xff"]
)
async def test_what_is_no_job_is_set_aside_as_it_came(
    url: str, queue: naq.Queue, data: bytes
) -> None:
    await publish(url, data, headers={"From": "elsewhere"})
    await work(url)
    about, stored = await SetAside(url).get((await the_only_one(url)).key)
    assert (stored, about.headers, about.size) == (data, {"From": "elsewhere"}, len(data))
    assert await queue.size() == 0


@pytest.mark.parametrize("head", [
    b'{"naq":1,"retry":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    b'{"naq":1,"id":"x","queue":"\\ud800","function":"a:b","serializer":"json","created":1}',
    b'{"naq":1,"id":"x","queue":"q","function":"a:b","serializer":"json","created":1e999}',
    b'{"naq":' + b"9" * 5000 + b"}",
])  # fmt: skip
async def test_a_head_that_is_made_to_break_its_reader_is_set_aside(
    url: str, queue: naq.Queue, head: bytes
) -> None:
    await publish(url, head + b"\n[[],{}]")
    await work(url)
    assert (await the_only_one(url)).size == len(head) + 8
    assert await queue.size() == 0


async def test_a_message_whose_headers_leave_no_room_is_set_aside_without_them() -> None:
    with run_nats_server(options="max_payload: 4KB") as server:
        await naq.Queue(config=server.url).enqueue(math.sqrt, 4)
        await publish(server.url, b"rubbish", headers={f"H{n}": "x" * 100 for n in range(37)})
        await work(server.url)
        assert "its headers are too large" in (await the_only_one(server.url)).reason
        assert await naq.queue_sizes(server.url) == {}
        await naq.close_all_connections()


async def test_a_message_of_the_largest_size_is_set_aside(url: str, queue: naq.Queue) -> None:
    data = os.urandom(1 << 20)
    await publish(url, data)
    await work(url)
    assert (await SetAside(url).get((await the_only_one(url)).key))[1] == data


@pytest.mark.parametrize("where", ["naq.jobs.default.mine", "naq.jobs.mail.victim"])
async def test_a_publisher_cannot_write_the_result_of_another_job(
    url: str, queue: naq.Queue, where: str
) -> None:
    await publish(url, Job(math.sqrt, (9,), job_id="victim").serialize(), where)
    await work(url)
    await work(url, queues="mail")
    assert await naq.Results(url).get_result("victim") is None
    assert "another subject" in (await the_only_one(url)).reason


async def test_a_message_of_a_newer_format_can_be_put_back_after_the_upgrade(
    url: str, queue: naq.Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = with_head(Job(math.sqrt, (9,), job_id="x"), naq=2, something={"new": 1})
    await publish(url, newer, headers={"Nats-Msg-Id": "x"})
    await work(url)
    message = await the_only_one(url)
    assert message.reason == "a job of format 2; this naq reads up to format 1"
    monkeypatch.setattr("naq.models.head.FORMAT", 2)
    aside = SetAside(url)
    await publish(url, newer, headers={"Nats-Msg-Id": "again"})
    with pytest.raises(JobError, match="another one is on its subject"):
        await aside.put_back(message.key)
    await work(url)
    assert await naq.fetch_job_result("x", config=url, timeout=0) == 3
    await aside.put_back(message.key)
    assert await aside.list() == []
    assert await queue.size() == 1


async def test_an_unreadable_entry_does_not_hide_the_others(url: str, queue: naq.Queue) -> None:
    await publish(url, b"rubbish")
    await work(url)
    async with nats_jetstream(url) as (_, js):
        await (await js.key_value("set_aside")).put("about.1-bad", b"rubbish")
    first, second = await SetAside(url).list()
    assert (first.key, second.subject) == ("1-bad", "naq.jobs.default.x")
    with pytest.raises(JobError, match="no message '1-bad'"):
        await SetAside(url).put_back("1-bad")
    await SetAside(url).delete("1-bad")
    assert [each.key for each in await SetAside(url).list()] == [second.key]


async def test_the_command_line_lists_and_puts_back(url: str, queue: naq.Queue) -> None:
    await publish(url, b"rubbish")
    await work(url)
    key = (await the_only_one(url)).key

    async def run(*words: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from naq.cli.main import main; main()", "set-aside", *words, "--url", url, "--json",
            stdout=subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == 0
        return orjson.loads(out)

    assert [each["key"] for each in await run("list")] == [key]
    assert (await run("show", key))["data"] == "b'rubbish'"
    assert await run("put-back", "--all") == {"put_back": 1}
    assert await queue.size() == 1
    await work(url)
    assert await run("delete", (await the_only_one(url)).key) == {"deleted": 1}
    assert await SetAside(url).list() == []


PROGRAM = """
import sys
if sys.argv[1] == "new":
    import naq.models.head, naq.models.job
    naq.models.head.FORMAT = naq.models.job.FORMAT = 2
import asyncio, math, naq
async def work():
    worker = naq.Worker(config=sys.argv[3], ack_wait=2)
    await worker.run()
async def enqueue():
    for number in range(int(sys.argv[4]), int(sys.argv[4]) + 300):
        await naq.enqueue(math.sqrt, number, job_id=f"job-{number}", config=sys.argv[3])
asyncio.run({"work": work, "enqueue": enqueue}[sys.argv[2]]())
"""


async def test_a_rolling_upgrade_and_downgrade_over_a_change_of_format_loses_nothing(
    url: str, tmp_path: Path
) -> None:
    """Old and new workers and clients at once: the old ones set aside what they cannot read."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")

    async def start(*words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, str(program), *words, stderr=subprocess.DEVNULL
        )

    async def start_worker(version: str) -> asyncio.subprocess.Process:
        worker = await start(version, "work", url)
        async with asyncio.timeout(30):
            while str(worker.pid) not in str(await list_workers()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return worker

    async def list_workers() -> list[Any]:
        with suppress(BucketNotFoundError):
            listed = await naq.WorkerStatusManager(url).list_workers()
            return [each.details.get("pid") for each in listed]
        return []

    async def stop(worker: asyncio.subprocess.Process) -> None:
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 20) == 0

    async def until_all_are_done(count: int) -> None:
        async with asyncio.timeout(60):
            while len(await naq.Results(url).list_results()) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    await naq.Queue(config=url).enqueue(math.sqrt, -1, job_id="first")
    old = await start_worker("old")
    clients = [await start("old", "enqueue", url, "0"), await start("new", "enqueue", url, "300")]
    new = await start_worker("new")
    clients.append(await start("new", "enqueue", url, "600"))
    for client in clients:
        assert await asyncio.wait_for(client.wait(), 60) == 0
    await stop(old)  # upgraded
    put_back = await SetAside(url).list()
    assert put_back
    for each in put_back:
        await SetAside(url).put_back(each.key)
    await until_all_are_done(901)
    await stop(new)  # downgraded: what comes in the new format meanwhile waits aside
    late = await start("new", "enqueue", url, "900")
    old = await start_worker("old")
    assert await asyncio.wait_for(late.wait(), 60) == 0
    async with asyncio.timeout(30):
        while len(await SetAside(url).list()) < 300:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    new = await start_worker("new")
    await stop(old)
    for each in await SetAside(url).list():
        await SetAside(url).put_back(each.key)
    await until_all_are_done(1201)
    await stop(new)
    assert await naq.queue_sizes(url) == {}
    assert await SetAside(url).list() == []
    with pytest.raises(JobFailedError):
        await naq.fetch_job_result("first", config=url, timeout=0)
