"""``naq setup``, and the permissions that each role needs, on a server that grants no more."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing

import nats.errors
import pytest
from nats.js.errors import BucketNotFoundError

import naq
from naq.connection import close_all_connections, nats_jetstream, nats_kv_store
from naq.connection.nats_py.jetstream import stream_settings
from naq.dashboard.live import Live
from naq.exceptions import NaqAuthorizationError, NaqConnectionError, describe_error
from naq.inspection.counts import JobCounts
from naq.models.job import Job
from naq.names import Names
from naq.permissions import Role, permissions
from naq.scheduling.scheduler import Scheduler
from naq.server import NatsServer, run_nats_server
from naq.setup import SetupOutcome, setup, warn_if_less
from naq.worker import Worker

DAY = 86_400


@pytest.fixture
async def url(nats_server: NatsServer) -> AsyncIterator[str]:
    yield nats_server.url
    await close_all_connections()


async def test_setup_makes_everything_and_then_has_nothing_to_do(url: str) -> None:
    made = await setup(url)
    assert {each.outcome for each in made} == {SetupOutcome.MADE}
    assert f"stream {Names().job_stream}" in {each.place for each in made}
    assert await setup(url) == []


async def test_a_check_changes_nothing(url: str) -> None:
    assert {each.outcome for each in await setup(url, check=True)} == {SetupOutcome.MISSING}
    async with nats_jetstream(url) as (_, js):
        with pytest.raises(BucketNotFoundError):
            await js.key_value(Names().job_results)


async def test_setup_raises_what_is_less_and_lowers_nothing(nats_server: NatsServer) -> None:
    servers = (nats_server.url,)
    await setup(naq.Config(servers=servers, result_ttl=DAY))
    less = naq.Config(servers=servers, result_ttl=DAY / 2)
    assert {each.outcome for each in await setup(less)} == {SetupOutcome.MORE}
    more = naq.Config(servers=servers, result_ttl=2 * DAY)
    (raised, *_) = await setup(more)
    assert (raised.outcome, raised.exists, raised.configured) == (
        SetupOutcome.RAISED,
        "86400 s",
        "172800 s",
    )
    async with nats_jetstream(more) as (_, js):
        settings = await stream_settings(js, f"KV_{Names().job_results}")
    assert settings["max_age"] == 2 * DAY * 1_000_000_000
    assert await setup(more) == []
    await close_all_connections()


async def test_a_worker_names_what_is_less_in_one_line(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    await setup(nats_server.url)
    config = naq.Config(servers=(nats_server.url,), replicas=3)
    async with nats_jetstream(config) as (_, js):
        await warn_if_less(js, config)
        await naq.enqueue(math.sqrt, 4, config=config)
        settings = await stream_settings(js, Names().job_stream)
    first, second = [each.message for each in caplog.records if "naq setup" in each.message]
    assert "stream naq_jobs has num_replicas 1, not 3; " in first
    assert (
        second == "`naq setup` has to raise what exists: stream naq_jobs has num_replicas 1, not 3"
    )
    assert settings["num_replicas"] == 1
    await close_all_connections()


async def test_a_missing_bucket_is_named_the_same_way_everywhere(url: str) -> None:
    async with nats_jetstream(url) as (_, js):
        with pytest.raises(BucketNotFoundError) as first:
            await js.key_value("nothing")
    with pytest.raises(BucketNotFoundError) as second:
        async with nats_kv_store("nothing", url):
            pass
    with pytest.raises(BucketNotFoundError) as third:
        await naq.WorkerStatusManager(url).list_workers()
    assert describe_error(first.value) == describe_error(second.value)
    assert "there is no bucket 'nothing'" in describe_error(first.value)
    assert "there is no bucket 'worker_status'" in describe_error(third.value)


# Permissions


@pytest.fixture(scope="module")
def guarded() -> Iterator[NatsServer]:
    """A server with a user for each role, who may do what the role needs and nothing else."""
    users = [
        {"user": role.value, "password": "x", "permissions": permissions(role)} for role in Role
    ]
    with run_nats_server(options=f"authorization: {json.dumps({'users': users})}") as server:
        yield server


def user(server: NatsServer, role: Role) -> naq.Config:
    return naq.Config(
        servers=(server.url,), user=role.value, password="x", leader_ttl=1, enqueue_timeout=3
    )


async def test_each_role_can_do_its_work_with_its_permissions(guarded: NatsServer) -> None:
    await setup(user(guarded, Role.SETUP))
    enqueuer, worker = user(guarded, Role.ENQUEUER), user(guarded, Role.WORKER)
    dashboard = user(guarded, Role.DASHBOARD)

    root = await naq.enqueue(math.sqrt, 4, job_id="root", config=enqueuer)
    await naq.enqueue(math.sqrt, 4, job_id="root", config=enqueuer)
    await naq.enqueue(math.sqrt, 9, job_id="leaf", depends_on=root, config=enqueuer)
    await naq.enqueue(math.sqrt, -1, job_id="bad", config=enqueuer)
    await naq.enqueue_many([Job(math.sqrt, (n,)) for n in range(5)], config=enqueuer)
    limit = naq.Limit("k", at_once=1, per_second=100)
    for number in range(3):
        await naq.enqueue(math.sqrt, number, limit=limit, unique=60, config=enqueuer)
    await naq.enqueue_in(0, math.sqrt, 16, job_id="later", config=enqueuer)
    await naq.schedule(math.sqrt, 16, job_id="often", interval=60, config=enqueuer)
    assert len(await naq.list_schedules(enqueuer)) == 2

    scheduler = Scheduler(user(guarded, Role.SCHEDULER))

    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(1.5)
    scheduler.stop()
    await running

    await Worker(config=worker, burst=True).run()
    assert await naq.fetch_job_result("leaf", timeout=5, config=enqueuer) == 3
    assert await naq.fetch_job_result("later", timeout=5, config=enqueuer) == 4
    assert await naq.get_job("bad", enqueuer) is not None
    await naq.enqueue(math.sqrt, 4, job_id="never", config=enqueuer)
    assert await naq.cancel_job("never", enqueuer)

    assert await naq.queue_sizes(dashboard) == {}
    failed = naq.FailedJobs(dashboard)
    assert [each.job.job_id for each in await failed.list()] == ["bad"]
    await failed.requeue("bad")
    assert await naq.Queue(config=dashboard).purge() == 1
    assert await naq.WorkerStatusManager(dashboard).list_workers() is not None
    assert (await naq.EventManager(dashboard).stats()).counts["job.completed"] >= 7
    await naq.pause_scheduled_job("often", dashboard)
    assert (await naq.list_jobs(dashboard)).jobs
    assert (await naq.list_jobs(dashboard, states=["running"])).jobs == []
    assert await naq.job_details("leaf", dashboard) is not None
    await naq.pause_queue("default", dashboard)
    await naq.pause_queue("new", dashboard)
    await naq.resume_queue("default", dashboard)
    assert [each.paused for each in await naq.list_queues(dashboard)] == [False, True]
    await naq.run_scheduled_job("often", dashboard)
    async with aclosing(Live(dashboard).changes()) as changes:
        for _ in range(3):
            assert await anext(changes)
    assert sum((await JobCounts(dashboard).chart("hour")).completed) >= 7
    await close_all_connections()
    assert "Permissions Violation" not in guarded.log.read_text()


Action = Callable[[naq.Config], Awaitable[object]]


def some_jobs(config: naq.Config) -> Awaitable[int]:
    return naq.enqueue_many([Job(math.sqrt, (n,)) for n in range(2000)], config=config)


FORBIDDEN: list[tuple[Role, str, Action]] = [
    (Role.ENQUEUER, "STREAM.PURGE.naq_jobs", lambda c: naq.Queue(config=c).purge()),
    (Role.ENQUEUER, "STREAM.INFO.", lambda c: Worker(config=c).run()),
    (Role.ENQUEUER, "STREAM.INFO.naq_events", lambda c: setup(c)),
    (Role.ENQUEUER, "failed_jobs", lambda c: naq.FailedJobs(c).list()),
    (Role.WORKER, "STREAM.PURGE.naq_jobs", lambda c: naq.Queue(config=c).purge()),
    (Role.SCHEDULER, "STREAM.PURGE.naq_jobs", lambda c: naq.Queue(config=c).purge()),
    (Role.SCHEDULER, "STREAM.INFO.", lambda c: Worker(config=c).run()),
    (Role.DASHBOARD, "STREAM.INFO.", lambda c: Worker(config=c).run()),
    (Role.SETUP, "naq.jobs.default.j", lambda c: naq.enqueue(math.sqrt, 4, job_id="j", config=c)),
    (Role.SETUP, "naq.jobs.default", some_jobs),
    (Role.SETUP, "(scheduled_jobs|STREAM.NAMES)", lambda c: naq.list_schedules(c)),
]


@pytest.mark.parametrize(("role", "subject", "action"), FORBIDDEN)
async def test_what_a_role_may_not_do_is_an_error_that_names_the_subject(
    guarded: NatsServer, role: Role, subject: str, action: Action
) -> None:
    await setup(user(guarded, Role.SETUP))
    began = time.monotonic()
    with pytest.raises(
        nats.errors.AuthorizationError, match=rf"does not permit .* publish to .*{subject}"
    ):
        await asyncio.wait_for(action(user(guarded, role)), 10)
    assert time.monotonic() - began < 5
    await close_all_connections()


async def test_a_denial_names_the_job_and_how_many_are_enqueued_before_it(
    guarded: NatsServer,
) -> None:
    await setup(user(guarded, Role.SETUP))
    jobs = [Job(math.sqrt, (n,), job_id=f"job-{n}") for n in range(3)]
    with pytest.raises(NaqAuthorizationError, match=r"job job-0: .*; 0 jobs before it are"):
        await naq.enqueue_many(jobs, config=user(guarded, Role.SETUP))
    await close_all_connections()


async def test_applications_with_an_account_each_do_not_see_each_other() -> None:
    accounts = {
        name: {"jetstream": "enabled", "users": [{"user": name, "password": "x"}]}
        for name in ("shop", "blog")
    }
    with run_nats_server(options=f"accounts: {json.dumps(accounts)}") as server:
        shop, blog = (
            naq.Config(servers=(server.url,), user=name, password="x") for name in ("shop", "blog")
        )
        await naq.enqueue(math.sqrt, 4, job_id="j", config=shop)
        await Worker(config=blog, burst=True).run()
        assert await naq.queue_sizes(shop) == {"default": 1}
        assert await naq.get_job("j", blog) is None
        await Worker(config=shop, burst=True).run()
        assert await naq.fetch_job_result("j", timeout=2, config=shop) == 2
        await close_all_connections()


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(ValueError, match="'boss' is not a valid Role"):
        permissions("boss")


async def test_a_credentials_file_that_is_none_is_an_error_of_one_line(
    nats_server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("creds") / "user.creds"
    marks = ("-----BEGIN NATS USER JWT-----\nx\n", "-----BEGIN USER NKEY SEED-----\nSUnonsense\n")
    for text in ("", "nonsense", marks[0], "".join(marks)):
        file.write_text(text)
        config = naq.Config(servers=(nats_server.url,), credentials=file)
        with pytest.raises(NaqConnectionError, match=r"credentials: .*user\.creds"):
            await naq.queue_sizes(config)
