"""The newest values of a bucket, without a look at the older ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing, suppress

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from naq.stored import ServerTooOldError, StreamReader

_GROWTH = 8
"""The growth factor of a window with too few values: deleted entries leave gaps."""


async def newest_values(
    conn: Client,
    js: JetStreamContext,
    bucket: str,
    limit: int | None = None,
    wanted: Callable[[bytes], bool] = lambda _data: True,
) -> list[bytes]:
    """Return the newest values of a bucket, the oldest of them first.

    Those of a limit are read backwards. For all of them a consumer is quicker, but the server looks
    at every key to make one.

    Args:
        conn: a connection.
        js: its JetStream context.
        bucket: the bucket, which keeps one value of a key.
        limit: how many; None is all of them.
        wanted: which of them count.

    Raises:
        nats.js.errors.NotFoundError: there is no such bucket.
        nats.errors.TimeoutError: the server stopped answering on the way.
    """
    if limit is not None:
        with suppress(ServerTooOldError):
            return await _read_backwards(StreamReader(conn, js, f"KV_{bucket}"), limit, wanted)
    state = (await js.stream_info(f"KV_{bucket}")).state
    window = state.last_seq if limit is None else limit
    while True:
        start = max(state.first_seq, state.last_seq - window + 1, 1)
        values = [each for each in await _values_since(js, bucket, start) if wanted(each)]
        if limit is not None and len(values) >= limit:
            return values[len(values) - limit :]
        if start <= max(state.first_seq, 1):
            return values
        window *= _GROWTH


async def _read_backwards(
    reader: StreamReader, limit: int, wanted: Callable[[bytes], bool]
) -> list[bytes]:
    values: list[bytes] = []
    async with aclosing(reader.newest(chunk=max(limit, 1))) as chunks:
        async for messages in chunks:
            values += [each.data for each in messages if wanted(each.data)]
            if len(values) >= limit:
                break
    return values[:limit][::-1]


async def _values_since(js: JetStreamContext, bucket: str, start: int) -> list[bytes]:
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=start)
    subscription = await js.subscribe(
        f"$KV.{bucket}.>", stream=f"KV_{bucket}", ordered_consumer=True, config=config
    )
    values: list[bytes] = []
    try:
        info = await subscription.consumer_info()
        delivered = info.delivered.consumer_seq if info.delivered else 0
        left = (info.num_pending or 0) + delivered
        while left > 0:
            msg = await subscription.next_msg(timeout=5)
            left = msg.metadata.num_pending
            if "KV-Operation" not in (msg.headers or {}):
                values.append(msg.data)
    finally:
        with suppress(nats.errors.Error):  # without a connection there is nothing to end
            await subscription.unsubscribe()
    return values
