"""How many jobs are in each queue."""

from __future__ import annotations

from collections import Counter

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.nats_py.jetstream import subjects_page
from naq.names import CONSUMER_PREFIX, Names, queue_of, untoken


async def queue_sizes(config: Config | str | None = None) -> dict[str, int]:
    """Return how many jobs are in each queue that is not empty, by its name.

    The server keeps count of the queues that have had a worker, however many jobs there are. The
    ids of all jobs are read, 100,000 in a request, where others hold jobs, too.

    Args:
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    names = settings.names
    async with nats_jetstream(settings) as (_, js):
        try:
            total = (await js.stream_info(names.job_stream)).state.messages
            sizes = await _counted(js, names) if total else Counter[str]()
            if sizes.total() != total:
                sizes = await _scanned(js, names)
        except NotFoundError:
            return {}
    return {queue: size for queue, size in sorted(sizes.items()) if size}


async def _counted(js: JetStreamContext, names: Names) -> Counter[str]:
    """Return the sizes of the queues that have a consumer."""
    sizes = Counter[str]()
    offset = 0
    while consumers := await js.consumers_info(names.job_stream, offset=offset):
        for info in consumers:
            if info.name.startswith(CONSUMER_PREFIX):
                waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
                sizes[untoken(info.name.removeprefix(CONSUMER_PREFIX))] += waiting
        offset += len(consumers)
    return sizes


async def _scanned(js: JetStreamContext, names: Names) -> Counter[str]:
    """Return the sizes of all queues, by the ids of all jobs."""
    sizes = Counter[str]()
    offset = 0
    while subjects := await subjects_page(js, names.job_stream, offset):
        sizes.update(map(queue_of, subjects))
        offset += len(subjects)
    return sizes
