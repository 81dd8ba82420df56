"""How many jobs are in each queue, at the same cost for a million jobs as for ten.

The server keeps count for a queue that has had a worker, by its consumer. The names of others have
to be found among the jobs, of which there may be many: so only the oldest and the newest are looked
at. A queue without a worker keeps its jobs, which become the oldest.
"""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing, suppress
from typing import Final

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.nats_py.jetstream import count_subjects, list_subjects
from naq.names import CONSUMER_PREFIX, Names, consumer_name, queue_of, untoken
from naq.stored import CHUNK, ServerTooOldError, StreamReader

_CONSUMERS_OF_A_PAGE: Final = 256

_ALL_READ: Final = 10_000
"""Jobs up to which the ids of all are read."""


async def queue_sizes(config: Config | str | None = None) -> dict[str, int]:
    """Return how many jobs are in each queue that is not empty, by its name.

    With more than 10,000 jobs, a queue that has never had a worker is found by the oldest 500 and
    the newest 500 jobs; one with none of these is missing. :meth:`naq.Queue.size` counts any queue.

    Args:
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    names = settings.names
    async with nats_jetstream(settings) as (conn, js):
        try:
            before = await _total(js, names)
            if not before:
                return {}
            sizes = await _counted(js, names)
            # Jobs come and go meanwhile: what is missing both before and after is elsewhere.
            if sizes.total() < before and sizes.total() < await _total(js, names):
                with suppress(ServerTooOldError):  # then only those that have had a worker
                    sizes.update(await _without_consumer(conn, js, names, sizes))
        except NotFoundError:
            return {}
    return {queue: size for queue, size in sorted(sizes.items()) if size}


async def queue_size(queue: str, config: Config | str | None = None) -> int:
    """Return how many jobs are in a queue, those that are running included.

    Args:
        queue: the queue's name.
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    stream = settings.names.job_stream
    async with nats_jetstream(settings) as (_, js):
        try:
            return _jobs(await js.consumer_info(stream, consumer_name(queue)))
        except NotFoundError:
            pass  # it has never had a worker
        try:
            return await count_subjects(js, stream, settings.names.queue_subject(queue))
        except NotFoundError:
            return 0


async def _total(js: JetStreamContext, names: Names) -> int:
    return (await js.stream_info(names.job_stream)).state.messages


async def _counted(js: JetStreamContext, names: Names) -> Counter[str]:
    """Return the sizes of the queues that have a consumer."""
    sizes = Counter[str]()
    offset = 0
    while True:
        consumers = await js.consumers_info(names.job_stream, offset=offset)
        for info in consumers:
            if info.name.startswith(CONSUMER_PREFIX):
                sizes[untoken(info.name.removeprefix(CONSUMER_PREFIX))] += _jobs(info)
        offset += len(consumers)
        if len(consumers) < _CONSUMERS_OF_A_PAGE:
            return sizes


def _jobs(info: ConsumerInfo) -> int:
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def _without_consumer(
    conn: Client, js: JetStreamContext, names: Names, counted: Counter[str]
) -> dict[str, int]:
    """Return the sizes of the queues that have no consumer, as far as they are found."""
    state = (await js.stream_info(names.job_stream)).state
    if state.messages <= _ALL_READ:
        subjects = await list_subjects(js, names.job_stream)
        return Counter(queue for queue in map(queue_of, subjects) if queue not in counted)
    found: set[str] = set()
    for before in (state.first_seq + CHUNK, None):
        newest = StreamReader(conn, js, names.job_stream).newest(before, CHUNK)
        async with aclosing(newest):
            found |= {queue_of(each.subject) for each in await anext(newest, ())}
    return {
        queue: await count_subjects(js, names.job_stream, names.queue_subject(queue))
        for queue in found - counted.keys()
    }
