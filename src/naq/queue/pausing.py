"""Pausing a queue: its consumer delivers nothing until it is resumed (nats-server 2.11).

The server keeps the pause with the consumer, so it outlasts restarts of workers and of servers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.nats_py.jetstream import consumer_info, pause_consumer
from naq.exceptions import JobError
from naq.models.checks import check_queue_name
from naq.names import consumer_name
from naq.streams import ACK_WAIT, ensure_consumer, ensure_stream, job_stream

_SINCE: Final = (2, 11)
_FOR_EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_NOW: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def pause_queue(queue: str, config: Config | str | None = None) -> None:
    """Let a queue give no jobs until it is resumed; jobs can still be enqueued.

    Jobs that workers have in hand are finished. One of them that fails waits for its retry until
    the queue is resumed.

    Args:
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        JobError: the name makes no sense, or the server is older than 2.11.
        NaqConnectionError: there is no connection.
    """
    await _set(queue, as_config(config), _FOR_EVER)


async def resume_queue(queue: str, config: Config | str | None = None) -> None:
    """Let a paused queue give jobs again; one that is not paused stays as it is.

    Args:
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        JobError: the name makes no sense, or the server is older than 2.11.
        NaqConnectionError: there is no connection.
    """
    await _set(queue, as_config(config), _NOW)


async def _set(queue: str, config: Config, until: datetime) -> None:
    check_queue_name(queue)
    async with nats_jetstream(config) as (conn, js):
        version = conn.connected_server_version
        if (version.major, version.minor) < _SINCE:
            raise JobError(
                f"pausing a queue needs nats-server 2.11 or newer; this one is {version}"
            )
        await _ensure(js, config, queue)
        await pause_consumer(js, config.names.job_stream, consumer_name(queue), until)


async def _ensure(js: JetStreamContext, config: Config, queue: str) -> None:
    """Make the queue's consumer if it has had no worker yet; leave an existing one unchanged."""
    try:
        await consumer_info(js, config.names.job_stream, consumer_name(queue))
    except NotFoundError:
        await ensure_stream(js, job_stream(config))
        await ensure_consumer(js, config.names, queue, ACK_WAIT)
