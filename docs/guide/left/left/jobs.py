"""Four places that the codemod leaves to you."""

import nats
from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection


async def load(url, count):
    clients = []
    for _ in range(count):
        clients.append(await nats.connect(url))
    for nc in clients:
        await nc.publish("load", b"")
        await nc.close()


async def store(url, key, value, js=None):
    own = js is None
    if own:
        nc = await get_nats_connection(url)
        js = await get_jetstream_context(nc)
    kv = await js.key_value("jobs")
    await kv.put(key, value)
    if own:
        await close_nats_connection(nc)


async def publish(url, subject, data):
    nc = await get_nats_connection(url)
    if not data:
        await close_nats_connection(nc)
        return
    await nc.publish(subject, data)


async def watch(url, seconds, show):
    nc = await get_nats_connection(url, prefetch=seconds)
    try:
        await nc.subscribe("jobs.*", cb=show)
        await nc.flush()
    finally:
        await close_nats_connection(nc)
