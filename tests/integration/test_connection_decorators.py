"""The decorators: what a function gets, and what is left of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from naq import config as module
from naq.buckets import ensure_buckets
from naq.config import configure
from naq.connection import (
    get_connection_metrics,
    nats_connection,
    reset_connection_metrics,
    retry_on_connection_failure,
    with_connection_monitoring,
    with_jetstream_context,
    with_kv_store,
    with_nats_connection,
)
from naq.exceptions import ConfigurationError, NaqConnectionError, NaqNoServersError
from naq.server import NatsServer


@pytest.fixture
def configured(nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_current", None)
    configure(servers=nats_server.url)
    yield
    module._parts.clear()


pytestmark = pytest.mark.usefixtures("configured")


async def test_a_connection_comes_before_the_arguments() -> None:
    @with_nats_connection()
    async def send(conn: Client, subject: str, *, text: str = "") -> tuple[bool, str, str]:
        await conn.publish(subject, text.encode())
        return conn.is_connected, subject, text

    assert await send("letters", text="hello") == (True, "letters", "hello")


async def test_jetstream_comes_before_the_arguments() -> None:
    @with_jetstream_context()
    async def count(js: JetStreamContext, more: int) -> int:
        return (await js.account_info()).streams + more

    assert await count(2) == 2


async def test_a_bucket_comes_before_the_arguments() -> None:
    await ensure_buckets(names=("colours",))

    @with_kv_store("colours")
    async def put(kv: KeyValue, key: str, value: bytes) -> int:
        return await kv.put(key, value)

    assert await put("sky", b"blue") == 1


async def test_a_method_keeps_its_object_first() -> None:
    class Sender:
        name = "me"

        @with_nats_connection()
        async def send(self, conn: Client, subject: str) -> str:
            await conn.publish(subject)
            return self.name + subject

    assert await Sender().send("letters") == "meletters"


async def test_the_named_part_of_the_configuration_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nats_server: NatsServer
) -> None:
    (tmp_path / "naq.toml").write_text('[parts.nowhere]\nservers = "nats://127.0.0.1:1"\n')
    monkeypatch.chdir(tmp_path)

    @with_nats_connection("nowhere")
    async def send(conn: Client) -> None:
        await conn.flush()

    with pytest.raises(NaqNoServersError, match=r"127\.0\.0\.1:1"):
        await send()


async def test_an_unknown_part_is_an_error_at_the_call() -> None:
    @with_kv_store("colours", "nowhere")
    async def put(kv: KeyValue) -> None:
        await kv.put("sky", b"blue")

    with pytest.raises(ConfigurationError, match="no part 'nowhere'"):
        await put()


async def work() -> str:
    """Return what was done."""
    return "done"


async def work_with(handle: object) -> str:
    """Return what was done."""
    return "done"


@pytest.mark.parametrize(
    "decorated",
    [
        with_nats_connection()(work_with),
        with_jetstream_context()(work_with),
        with_kv_store("colours")(work_with),
        with_connection_monitoring(work),
        retry_on_connection_failure()(work),
    ],
)
def test_name_docstring_and_kind_are_kept(decorated: object) -> None:
    assert inspect.iscoroutinefunction(decorated)
    assert decorated.__name__ in ("work", "work_with")
    assert decorated.__doc__ == "Return what was done."


async def test_a_monitored_call_is_one_use() -> None:
    @with_connection_monitoring
    async def flush() -> None:
        for _ in range(3):
            async with nats_connection() as conn:
                await conn.flush()

    await reset_connection_metrics()
    await flush()
    metrics = get_connection_metrics()
    assert (metrics.total_connections, metrics.successful_connections) == (1, 1)
    assert metrics.average_connection_time > 0


async def test_a_monitored_call_that_raises_has_failed() -> None:
    @with_connection_monitoring
    async def fail() -> None:
        raise KeyError("mine")

    await reset_connection_metrics()
    with pytest.raises(KeyError):
        await fail()
    metrics = get_connection_metrics()
    assert (metrics.failed_connections, metrics.active_connections) == (1, 0)


@pytest.mark.parametrize(
    "error",
    [
        NaqNoServersError("none"),
        nats.errors.ConnectionClosedError(),
        nats.errors.OutboundBufferLimitError(),
        ConnectionResetError(),
    ],
)
async def test_a_connection_failure_is_tried_again(error: Exception) -> None:
    calls = []

    @retry_on_connection_failure(max_retries=3, retry_delay=0)
    async def sometimes() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise error
        return len(calls)

    assert await sometimes() == 3


async def test_the_last_failure_is_raised() -> None:
    calls = []

    @retry_on_connection_failure(max_retries=2, retry_delay=0)
    async def never() -> None:
        calls.append(1)
        raise NaqConnectionError(f"failure {len(calls)}")

    with pytest.raises(NaqConnectionError, match="failure 3"):
        await never()


@pytest.mark.parametrize("error", [KeyError("mine"), nats.errors.TimeoutError()])
async def test_any_other_failure_is_not_tried_again(error: Exception) -> None:
    calls = []

    @retry_on_connection_failure(max_retries=2, retry_delay=0)
    async def fail() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        await fail()
    assert len(calls) == 1


async def test_delays_grow(caplog: pytest.LogCaptureFixture) -> None:
    @retry_on_connection_failure(max_retries=3, retry_delay=0.001, backoff_factor=3)
    async def never() -> None:
        raise NaqConnectionError("none")

    with pytest.raises(NaqConnectionError):
        await never()
    assert [record.message.rpartition(" in ")[2] for record in caplog.records] == [
        "0.001 s",
        "0.003 s",
        "0.009 s",
    ]
