"""A prefix: several applications on one server, each under names of its own."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from typer.testing import CliRunner

import naq
import naq.sync
from naq.cli.main import app
from naq.connection import close_all_connections, nats_connection, nats_jetstream
from naq.exceptions import ConfigurationError, NaqAuthorizationError
from naq.names import LONGEST_KEY, LONGEST_PREFIX, LONGEST_TOKEN
from naq.permissions import Role, permissions
from naq.queue.waiting import list_waiting
from naq.server import run_nats_server
from naq.setup import setup

PLAIN = {
    "naq_jobs": ["naq.jobs.>"],
    "naq_events": ["events.>"],
    "system_events": ["system_events"],
    "KV_scheduled_jobs": ["$KV.scheduled_jobs.>"],
    "KV_worker_status": ["$KV.worker_status.>"],
    "KV_worker_details": ["$KV.worker_details.>"],
    "KV_job_results": ["$KV.job_results.>"],
    "KV_job_status": ["$KV.job_status.>"],
    "KV_job_progress": ["$KV.job_progress.>"],
    "KV_failed_jobs": ["$KV.failed_jobs.>"],
    "KV_waiting_jobs": ["$KV.waiting_jobs.>"],
    "KV_set_aside": ["$KV.set_aside.>"],
    "KV_leaders": ["$KV.leaders.>"],
    "KV_job_limits": ["$KV.job_limits.>"],
}
SHOP = {
    "shop_naq_jobs": ["shop.naq.jobs.>"],
    "shop_naq_events": ["shop.events.>"],
    "shop_system_events": ["shop.system_events"],
    "KV_shop_scheduled_jobs": ["$KV.shop_scheduled_jobs.>"],
    "KV_shop_worker_status": ["$KV.shop_worker_status.>"],
    "KV_shop_worker_details": ["$KV.shop_worker_details.>"],
    "KV_shop_job_results": ["$KV.shop_job_results.>"],
    "KV_shop_job_status": ["$KV.shop_job_status.>"],
    "KV_shop_job_progress": ["$KV.shop_job_progress.>"],
    "KV_shop_failed_jobs": ["$KV.shop_failed_jobs.>"],
    "KV_shop_waiting_jobs": ["$KV.shop_waiting_jobs.>"],
    "KV_shop_set_aside": ["$KV.shop_set_aside.>"],
    "KV_shop_leaders": ["$KV.shop_leaders.>"],
    "KV_shop_job_limits": ["$KV.shop_job_limits.>"],
}


def config(url: str, prefix: str, **values: object) -> naq.Config:
    return naq.Config(servers=(url,), prefix=prefix, leader_ttl=1, **values)  # type: ignore[arg-type]


async def streams(settings: naq.Config) -> dict[str, list[str]]:
    async with nats_jetstream(settings) as (_, js):
        return {
            info.config.name or "": info.config.subjects or [] for info in await js.streams_info()
        }


async def slowly(seconds: float) -> None:
    naq.report_progress(0.5, "half")
    await asyncio.sleep(seconds)


async def trigger(settings: naq.Config) -> None:
    """Run a scheduler until it has triggered what is due."""
    scheduler = naq.Scheduler(settings)
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(0.5)
    scheduler.stop()
    await running


async def use_everything(settings: naq.Config) -> None:
    """Have one job of each kind, and look at it in each way."""
    root = await naq.enqueue(math.sqrt, 4, job_id="root", config=settings)
    await naq.enqueue(math.sqrt, 9, job_id="leaf", depends_on=root, config=settings)
    await naq.enqueue(math.sqrt, -1, job_id="bad", config=settings)
    await naq.enqueue(slowly, 0.5, job_id="slow", config=settings)
    await naq.enqueue_many([naq.Job(math.sqrt, (n,)) for n in range(3)], config=settings)
    await naq.enqueue_in(0, math.sqrt, 16, job_id="later", config=settings)
    await naq.schedule(math.sqrt, 16, job_id="often", interval=60, config=settings)
    await naq.pause_scheduled_job("often", settings)
    async with nats_connection(settings) as conn:
        subject = settings.names.job_subject("default", "unreadable")
        await conn.jetstream().publish(subject, b"no job")
    await trigger(settings)
    await naq.EventManager(settings).publish_event("app.begun", {})
    await naq.EventManager(settings).publish_system_event("app.audited", {})
    await naq.Worker(config=settings, burst=True).run()
    assert await naq.fetch_job_result("leaf", timeout=5, config=settings) == 3
    assert await naq.fetch_job_result("later", timeout=5, config=settings) == 4
    progress = await naq.get_progress("slow", settings)
    assert progress is not None
    assert progress.message == "half"
    assert [each.job.job_id for each in await naq.FailedJobs(settings).list()] == ["bad"]
    (aside,) = await naq.SetAside(settings).list()
    await naq.SetAside(settings).put_back(aside.key)
    assert await naq.queue_sizes(settings) == {"default": 1}
    assert await naq.Queue(config=settings).purge() == 1
    await naq.FailedJobs(settings).requeue("bad")
    assert await naq.cancel_job("bad", settings)
    assert (await naq.EventManager(settings).stats()).counts["job.completed"] >= 7
    assert len(await naq.Results(settings).list_results()) >= 7


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[set[str]]:
    """Note every subject on which something is published on the server."""
    subjects: set[str] = set()

    async def hear(msg: Msg) -> None:
        subjects.add(msg.subject)

    async with nats_connection(url, exclusive=True) as conn:
        await conn.subscribe(">", cb=hear)
        await conn.flush()
        yield subjects


async def test_without_a_prefix_the_names_are_the_plain_ones(url: str) -> None:
    await setup(url)
    assert await streams(naq.Config(servers=(url,))) == PLAIN


async def test_a_prefix_stands_before_each_name(url: str) -> None:
    shop = config(url, "shop")
    await setup(shop)
    assert await streams(shop) == SHOP


async def test_nothing_is_made_or_asked_for_outside_the_prefix(url: str) -> None:
    shop = config(url, "shop")
    # Before the listener, whose interest in everything makes a missing stream look like a slow one.
    await setup(shop)
    async with listening(url) as heard:
        await use_everything(shop)
    assert await streams(shop) == SHOP
    assert "$JS.API.STREAM.INFO.shop_naq_jobs" in heard
    of_all = ("_INBOX.", "$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.EVENT.")
    assert {
        subject
        for subject in heard
        if "shop_" not in subject
        and not subject.startswith("shop.")
        and not subject.startswith(of_all)
    } == set()


async def test_two_prefixes_do_not_see_each_other(url: str) -> None:
    shop, plain = config(url, "shop"), config(url, "")
    await setup(shop)
    await setup(plain)
    await naq.enqueue(math.sqrt, 4, job_id="j", config=shop)
    await naq.enqueue(math.sqrt, 9, job_id="k", depends_on="j", config=shop)
    await naq.schedule(math.sqrt, 4, job_id="s", interval=60, config=shop)
    await naq.EventManager(shop).publish_event("app.begun", {})
    await naq.WorkerStatusManager(shop).update_worker_status("w", naq.WORKER_STATUS.IDLE)

    await naq.Worker(config=plain, burst=True).run()
    await trigger(plain)

    assert await naq.queue_sizes(shop) == {"default": 1}
    assert await naq.queue_sizes(plain) == {}
    assert await naq.get_job("j", plain) is None
    assert not await naq.cancel_job("j", plain)
    assert await list_waiting(plain) == []
    assert await naq.list_schedules(plain) == []
    assert await naq.WorkerStatusManager(plain).list_workers() == []
    assert await naq.EventManager(plain).history("app.>") == []

    await naq.enqueue(math.sqrt, -1, job_id="bad", config=shop)
    await naq.Worker(config=shop, burst=True).run()
    assert await naq.fetch_job_result("k", timeout=5, config=shop) == 3
    assert await naq.Results(plain).list_results() == []
    assert await naq.FailedJobs(plain).list() == []
    assert await naq.FailedJobs(plain).purge() == 0
    assert await naq.FailedJobs(shop).count() == 1


async def test_nothing_that_one_application_removes_is_the_others(url: str) -> None:
    mine, theirs = config(url, "shop"), config(url, "shop_job")
    for each in (mine, theirs):
        await naq.enqueue(math.sqrt, 4, job_id="done", config=each)
        await naq.enqueue(math.sqrt, -1, job_id="bad", config=each)
        await naq.Worker(config=each, burst=True).run()
        await naq.enqueue(math.sqrt, 4, job_id="queued", config=each)
        await naq.schedule(math.sqrt, 4, job_id="s", interval=60, config=each)
    await setup(mine)
    await naq.prune_schedules([], config=mine)
    await naq.Queue(config=mine).purge()
    await naq.FailedJobs(mine).purge()
    await naq.Results(mine).purge_results()
    await naq.Results(mine).cleanup_old_results(0)
    for queue in (">", "*", "default.>"):
        assert await naq.Queue(queue, mine).purge() == 0
    for job_id in ("queued", "done", "s"):
        await naq.cancel_job(job_id, mine)

    assert await naq.queue_sizes(mine) == {}
    assert await naq.queue_sizes(theirs) == {"default": 1}
    assert await naq.FailedJobs(theirs).count() == 1
    assert await naq.fetch_job_result("done", timeout=1, config=theirs) == 2
    assert [each.job_id for each in await naq.list_schedules(theirs)] == ["s"]
    assert {each.data["job_id"] for each in await naq.EventManager(theirs).history("job.*")} == {
        "done",
        "bad",
    }


async def test_the_same_id_may_stand_in_the_queues_of_both(url: str) -> None:
    shop, blog = config(url, "shop"), config(url, "blog")
    await naq.enqueue(math.sqrt, 4, job_id="j", config=shop)
    await naq.enqueue(math.sqrt, 9, job_id="j", config=blog)
    await naq.Worker(config=blog, burst=True).run()
    await naq.Worker(config=shop, burst=True).run()
    assert await naq.fetch_job_result("j", timeout=5, config=shop) == 2
    assert await naq.fetch_job_result("j", timeout=5, config=blog) == 3


async def test_the_longest_prefix_leaves_room_for_the_longest_names(url: str) -> None:
    long = config(url, "x" * LONGEST_PREFIX)
    queue, job_id = "q" * LONGEST_TOKEN, "/" * LONGEST_KEY
    await naq.enqueue(math.sqrt, 4, queue=queue, job_id=job_id, config=long)
    await naq.Worker([queue], config=long, burst=True).run()
    assert await naq.fetch_job_result(job_id, timeout=5, config=long) == 2


async def test_each_prefix_has_a_leading_scheduler(
    url: str, eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    schedulers = [naq.Scheduler(config(url, prefix)) for prefix in ("shop", "blog")]
    running = [asyncio.create_task(each.run()) for each in schedulers]
    await eventually(lambda: all(each.is_leader for each in schedulers))
    for each in schedulers:
        each.stop()
    await asyncio.gather(*running)


async def test_a_running_job_is_cancelled_under_its_prefix_only(url: str) -> None:
    shop, blog = config(url, "shop"), config(url, "blog")
    await naq.enqueue(slowly, 20, job_id="j", config=shop)
    await naq.enqueue(slowly, 20, job_id="j", config=blog)
    workers = [naq.Worker(config=each, shutdown_timeout=0) for each in (shop, blog)]
    running = [asyncio.create_task(worker.run()) for worker in workers]

    async def reaches(status: str, settings: naq.Config) -> None:
        async with asyncio.timeout(10):
            while True:
                info = await naq.get_job("j", settings)
                if info is not None and info.status.value == status:
                    return
                await asyncio.sleep(0.05)

    await reaches("running", shop)
    await reaches("running", blog)
    assert await naq.cancel_job("j", shop)
    await reaches("cancelled", shop)
    await reaches("running", blog)
    for worker in workers:
        worker.stop()
    await asyncio.gather(*running)


async def test_the_permissions_of_a_prefix_suffice_and_end_at_it() -> None:
    def user(url: str, role: Role, prefix: str = "shop") -> naq.Config:
        return config(url, prefix, user=role.value, password="x", enqueue_timeout=3)

    shop = naq.Config(prefix="shop")
    users = [
        {"user": role.value, "password": "x", "permissions": permissions(role, shop)}
        for role in Role
    ]
    with run_nats_server(options=f"authorization: {json.dumps({'users': users})}") as server:
        await setup(user(server.url, Role.SETUP))
        enqueuer = user(server.url, Role.ENQUEUER)
        await naq.enqueue(math.sqrt, 4, job_id="root", config=enqueuer)
        await naq.enqueue(math.sqrt, 9, job_id="leaf", depends_on="root", config=enqueuer)
        await naq.enqueue(math.sqrt, -1, job_id="bad", config=enqueuer)
        await naq.enqueue_in(0, math.sqrt, 16, job_id="later", config=enqueuer)
        await trigger(user(server.url, Role.SCHEDULER))
        await naq.Worker(config=user(server.url, Role.WORKER), burst=True).run()
        assert await naq.fetch_job_result("leaf", timeout=5, config=enqueuer) == 3
        assert await naq.fetch_job_result("later", timeout=5, config=enqueuer) == 4
        failed = naq.FailedJobs(user(server.url, Role.DASHBOARD))
        assert [each.job.job_id for each in await failed.list()] == ["bad"]
        await close_all_connections()
        assert "Permissions Violation" not in server.log.read_text()
        with pytest.raises(NaqAuthorizationError, match=r"publish to naq\.jobs\.default\.j"):
            await naq.enqueue(math.sqrt, 4, job_id="j", config=user(server.url, Role.WORKER, ""))
        await close_all_connections()


def test_the_command_line_follows_the_prefix_of_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAQ_PREFIX", "shop")
    naq.configure()
    try:
        made = run("setup", "--url", url, "--json")
        assert {each["place"].partition(" ")[2] for each in json.loads(made)} == {
            name.removeprefix("KV_") for name in SHOP
        }
        granted = json.loads(run("permissions", "worker"))
        assert granted == permissions("worker", naq.Config(prefix="shop"))
        job_id = run("enqueue", "math:sqrt", "4", "--url", url).strip()
        shop, plain = config(url, "shop"), config(url, "")
        assert naq.sync.queue_sizes(config=shop) == {"default": 1}
        assert naq.sync.queue_sizes(config=plain) == {}
        assert (
            json.loads(run("job", "status", job_id, "--url", url, "--json"))["status"] == "queued"
        )
    finally:
        monkeypatch.undo()
        naq.configure()


def test_a_bad_prefix_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAQ_PREFIX", "my.shop")
    with pytest.raises(ConfigurationError, match=r"NAQ_PREFIX: prefix must be .* not 'my\.shop'"):
        naq.configure()


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout
