"""The queues at one glance: how long they are, how much of them is in hand, whether they are paused."""

from __future__ import annotations

from dataclasses import dataclass

from nats.js.errors import NotFoundError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.connection.nats_py.jetstream import consumer_infos
from naq.names import CONSUMER_PREFIX, untoken
from naq.queue.sizes import queue_sizes


@dataclass(frozen=True)
class QueueInfo:
    """A queue.

    Args:
        name: its name.
        jobs: how many jobs are in it, those with workers included.
        in_hand: how many of them are with workers.
        paused: whether it gives no jobs until it is resumed.
    """

    name: str
    jobs: int
    in_hand: int
    paused: bool


async def list_queues(config: Config | str | None = None) -> list[QueueInfo]:
    """Return the queues that hold jobs, or have had a worker, by their names.

    Args:
        config: a configuration, a URL, or None for the process's configuration.

    Raises:
        NaqConnectionError: there is no connection.
    """
    settings = as_config(config)
    sizes = await queue_sizes(settings)
    async with nats_jetstream(settings) as (_, js):
        try:
            infos = await consumer_infos(js, settings.names.job_stream)
        except NotFoundError:
            infos = []
    consumers = {
        untoken(info["name"].removeprefix(CONSUMER_PREFIX)): info
        for info in infos
        if info["name"].startswith(CONSUMER_PREFIX)
    }
    return [
        QueueInfo(
            name,
            sizes.get(name, 0),
            consumers.get(name, {}).get("num_ack_pending", 0),
            bool(consumers.get(name, {}).get("paused")),
        )
        for name in sorted({*sizes, *consumers})
    ]
