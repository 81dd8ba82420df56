"""Enqueueing: what is refused at once, what is known already, and what outlasts an outage."""

from __future__ import annotations

import asyncio
import math
import operator
import time
from collections.abc import AsyncIterator, Iterator

import nats.errors
import pytest

import naq
from naq.connection import close_all_connections, nats_connection
from naq.exceptions import JobError, NaqConnectionError, NaqNoServersError, ScheduleError
from naq.jobs.patience import FIRST_WAIT
from naq.models.job import Job
from naq.models.status import Enqueued
from naq.server import NatsServer, run_nats_server
from naq.worker import Worker

MAX_PAYLOAD = 64 * 1024


@pytest.fixture(scope="module")
def small_server() -> Iterator[NatsServer]:
    """A server that takes messages of up to 64 KiB."""
    with run_nats_server(options=f"max_payload: {MAX_PAYLOAD}") as server:
        yield server


@pytest.fixture
async def small(small_server: NatsServer) -> AsyncIterator[str]:
    yield small_server.url
    await close_all_connections()


@pytest.fixture
async def url(nats_server: NatsServer) -> AsyncIterator[str]:
    yield nats_server.url
    await close_all_connections()


async def work(url: str) -> None:
    await Worker(config=url, burst=True).run()


# Sizes


def of_size(size: int, job_id: str = "big") -> Job:
    """Return a job whose wire form has so many bytes."""
    empty = len(Job("builtins:len", ("",), job_id=job_id, serializer="json").serialize())
    job = Job("builtins:len", ("x" * (size - empty),), job_id=job_id, serializer="json")
    assert abs(len(job.serialize()) - size) <= 16  # the time has more or fewer digits
    return job


@pytest.mark.parametrize("size", [MAX_PAYLOAD - 60, MAX_PAYLOAD - 20, MAX_PAYLOAD, 2 * MAX_PAYLOAD])
async def test_a_job_that_does_not_fit_with_its_headers_is_an_error_with_the_sizes(
    small: str, size: int
) -> None:
    began = time.monotonic()
    with pytest.raises(JobError, match=rf"job big has \d+ bytes.*max_payload {MAX_PAYLOAD}"):
        await naq.enqueue(of_size(size), config=small)
    assert time.monotonic() - began < 1


async def test_a_job_that_does_not_fit_leaves_other_leases_alone(small: str) -> None:
    async with nats_connection(small) as conn:
        news = await conn.subscribe("news")
        with pytest.raises(JobError):
            await naq.enqueue(of_size(MAX_PAYLOAD - 20), config=small)
        await conn.publish("news", b"still here")
        assert (await news.next_msg(timeout=2)).data == b"still here"
        assert conn.stats["reconnects"] == 0


@pytest.mark.parametrize("headers", [{"A": "b" * 100}, {"Ä": "b" * 100}, {"A ": " b" * 100}])
async def test_a_publish_whose_headers_do_not_fit_is_refused_before_it_is_sent(
    small: str, headers: dict[str, str]
) -> None:
    async with nats_connection(small) as conn:
        with pytest.raises(nats.errors.MaxPayloadError):
            await conn.publish("news", b"x" * (MAX_PAYLOAD - 50), headers=headers)
        await conn.flush()
        assert conn.stats["reconnects"] == 0


async def test_enqueue_many_takes_jobs_alone(url: str) -> None:
    with pytest.raises(JobError, match="expected a job, got 5; 1 jobs before it are enqueued"):
        await naq.enqueue_many([Job(math.sqrt, (4,)), 5], config=url)  # type: ignore[list-item]


@pytest.mark.parametrize("delay", ["5", [5]])
async def test_a_delay_is_a_number_of_seconds(url: str, delay: float) -> None:
    with pytest.raises(ScheduleError, match="a number of seconds or a timedelta, not "):
        await naq.enqueue_in(delay, math.sqrt, 4, config=url)


async def test_a_job_is_enqueued_at_a_datetime(url: str) -> None:
    with pytest.raises(ScheduleError, match="must be a datetime, not '2030-01-01'"):
        await naq.enqueue_at("2030-01-01", math.sqrt, 4, config=url)  # type: ignore[arg-type]


async def test_enqueue_many_names_the_job_that_does_not_fit(small: str) -> None:
    jobs = [Job(math.sqrt, (1,)), Job(math.sqrt, (4,)), of_size(MAX_PAYLOAD - 20), Job(math.sqrt)]
    with pytest.raises(JobError, match=r"job big has .*; 2 jobs before it are enqueued"):
        await naq.enqueue_many(jobs, config=small)


async def test_a_delayed_job_that_does_not_fit_is_an_error_at_once(small: str) -> None:
    # It is stored as Base64, which has a third more bytes.
    with pytest.raises(JobError, match=r"job big has \d+ bytes \(\d+ as it is stored\)"):
        await naq.enqueue_in(10, of_size(MAX_PAYLOAD * 4 // 5), config=small)


@pytest.mark.parametrize("size", [MAX_PAYLOAD - 20, MAX_PAYLOAD + 20])
async def test_a_waiting_job_that_does_not_fit_is_an_error_at_once(small: str, size: int) -> None:
    job = Job("builtins:len", ("x" * size,), job_id="big", depends_on="a", serializer="json")
    with pytest.raises(JobError, match="job big has"):
        await naq.enqueue(job, config=small)
    assert await naq.Queue(config=small).waiting_jobs() == []


async def test_the_largest_job_that_fits_runs_and_can_be_delayed(small: str) -> None:
    room = MAX_PAYLOAD - 200
    job = await naq.enqueue(of_size(room, "fits"), config=small)
    await work(small)
    assert await naq.fetch_job_result(job, timeout=5, config=small) > room - 300


# New, queued, done


async def test_a_new_job_is_new(url: str) -> None:
    assert (await naq.enqueue(math.sqrt, 4, config=url)).enqueued is Enqueued.NEW


async def test_a_job_that_waits_in_the_queue_is_queued(url: str) -> None:
    await naq.enqueue(math.sqrt, 4, job_id="once", config=url)
    assert (await naq.enqueue(math.sqrt, 9, job_id="once", config=url)).enqueued is Enqueued.QUEUED


async def test_a_job_that_has_just_ended_is_done_and_stays_so(url: str) -> None:
    await naq.enqueue(math.sqrt, 4, job_id="once", config=url)
    await work(url)
    assert (await naq.enqueue(math.sqrt, 9, job_id="once", config=url)).enqueued is Enqueued.DONE
    await work(url)
    assert await naq.fetch_job_result("once", timeout=1, config=url) == 2


async def test_a_job_that_has_just_ended_runs_again_when_asked_to(url: str) -> None:
    first = await naq.enqueue(math.sqrt, 4, job_id="once", config=url)
    await work(url)
    for job in (Job(math.sqrt, (9,), job_id="once"), first):
        again = await naq.enqueue(job, config=url, again=True)
        assert again.enqueued is Enqueued.NEW
        await work(url)
        expected = math.sqrt(*job.args)
        assert await naq.fetch_job_result("once", timeout=1, config=url) == expected


async def test_a_job_in_the_queue_is_not_doubled_by_asking_for_it_again(url: str) -> None:
    await naq.enqueue(math.sqrt, 4, job_id="once", config=url)
    again = await naq.enqueue(math.sqrt, 9, job_id="once", config=url, again=True)
    assert again.enqueued is Enqueued.QUEUED
    assert await naq.Queue(config=url).size() == 1


# Outages


async def test_enqueue_outlasts_a_restart_of_the_server(nats_server: NatsServer) -> None:
    config = naq.Config(servers=(nats_server.url,))
    await naq.enqueue(math.sqrt, 4, config=config)
    nats_server.kill()
    enqueueing = [asyncio.create_task(naq.enqueue(math.sqrt, n, config=config)) for n in range(20)]
    await asyncio.sleep(2.5)  # longer than a lease waits for its connection
    nats_server.start()
    jobs = await asyncio.gather(*enqueueing)
    assert {job.enqueued for job in jobs} == {Enqueued.NEW}
    assert await naq.Queue(config=config).size() == 21
    await close_all_connections()


async def test_enqueue_gives_up_with_a_documented_error(nats_server: NatsServer) -> None:
    config = naq.Config(servers=(nats_server.url,), enqueue_timeout=0.5, connect_timeout=0.2)
    await naq.enqueue(math.sqrt, 4, config=config)
    nats_server.kill()
    with pytest.raises(NaqConnectionError, match=r"cannot enqueue job j within 0.5 s"):
        await naq.enqueue(math.sqrt, 4, job_id="j", config=config)
    await close_all_connections()


async def test_enqueue_without_a_server_fails_at_once(nats_server: NatsServer) -> None:
    nats_server.stop()
    began = time.monotonic()
    with pytest.raises(NaqNoServersError):
        await naq.enqueue(math.sqrt, 4, config=nats_server.url)
    assert time.monotonic() - began < 1


async def test_a_job_whose_first_acknowledgement_came_too_late_is_new(
    nats_server: NatsServer,
) -> None:
    url = nats_server.url
    await naq.enqueue(math.sqrt, 1, config=url)
    nats_server.pause()
    enqueueing = asyncio.create_task(naq.enqueue(math.sqrt, 4, config=url))
    await asyncio.sleep(FIRST_WAIT + 0.3)
    nats_server.resume()
    assert (await enqueueing).enqueued is Enqueued.NEW
    assert await naq.Queue(config=url).size() == 2
    await close_all_connections()


# Names


@pytest.mark.parametrize(
    ("function", "kwargs", "message"),
    [
        (math.sqrt, {"max_retry": 3}, "there is no setting max_retry: do you mean retries?"),
        ("app:f", {"max_retry": 3}, "there is no setting max_retry: do you mean retries?"),
        (operator.add, {"colour": 3}, "add has no parameter colour, nor has a job such a setting"),
    ],
)
async def test_a_misspelt_setting_is_refused_at_once(
    function: object, kwargs: dict[str, int], message: str
) -> None:
    with pytest.raises(JobError, match=message.replace("?", r"\?")):
        await naq.enqueue(function, **kwargs)  # type: ignore[arg-type]


def get(url: str, timeout: float = 1.0) -> str:
    return f"{url} {timeout}"


def post(url: str, **options: float) -> str:
    return f"{url} {options}"


async def test_a_name_that_is_a_parameter_and_a_setting_is_refused() -> None:
    with pytest.raises(JobError, match="timeout is a parameter of get and a setting of the job"):
        await naq.enqueue(get, "nats", timeout=30)


async def test_a_job_keeps_parameters_and_settings_apart(url: str) -> None:
    job = Job("os.path:join", ("a",), {}, timeout=30)
    assert (await naq.enqueue(job, config=url)).timeout == 30


async def test_a_function_with_any_keyword_takes_what_is_no_setting(url: str) -> None:
    job = await naq.enqueue(post, "nats", speed=3, timeout=30, config=url)
    assert (job.kwargs, job.timeout) == ({"speed": 3}, 30)


@pytest.mark.parametrize("function", [5, None, ["math:sqrt"]])
async def test_what_is_no_function_is_refused_at_once(function: object) -> None:
    with pytest.raises(JobError, match="expected a function or its name"):
        await naq.enqueue(function)  # type: ignore[arg-type]
