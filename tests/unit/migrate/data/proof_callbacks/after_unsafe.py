import asyncio
import nats
from nats.aio.client import Client as NATS


async def made_first(url):
    async with NATS() as nc:
        await nc.connect(url, allow_reconnect=False)
        await nc.publish("a", b"1")


async def made_first_handled(url):
    async with NATS() as nc:
        try:
            await nc.connect(url, allow_reconnect=False)
            await nc.publish("a", b"1")
        except Exception as error:
            print(error)


async def closed_callback(url, cb):
    try:
        async with await nats.connect(url, closed_cb=cb) as nc:
            await nc.publish("a", b"1")
    except Exception as error:
        print(error)


async def asks_through_a_closure(url):
    nc = None
    def status():
        return nc.is_closed
    try:
        async with await nats.connect(url) as nc:
            await nc.publish("a", b"1")
    except Exception as error:
        print(status())


async def counts_what_a_subscription_collects(url, seen):
    async def handler(msg):
        seen.append(msg)
    try:
        async with await nats.connect(url) as nc:
            await nc.subscribe("a", cb=handler)
            await nc.flush()
    except Exception as error:
        print(len(seen))


async def sends_through_a_closure(url):
    send = None
    try:
        async with await nats.connect(url) as nc:
            send = lambda: nc.publish("a", b"2")
            await nc.flush()
    except ValueError as error:
        print(error)
    else:
        asyncio.ensure_future(send())


async def order_of_closes(url, cb):
    async with await nats.connect(url) as a:
        async with await nats.connect(url, closed_cb=cb) as b:
            await a.publish("x", b"")
            await b.publish("x", b"")


async def close_replaced(url, fake):
    async with await nats.connect(url) as nc:
        nc.close = fake
        await nc.publish("x", b"")


async def closed_only_while_connected(url):
    async with await nats.connect(url) as nc:
        await nc.publish("x", b"")


async def drain_after_close(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("x", b"")
        finally:
            await nc.close()
            await nc.drain()


async def guarded_by_is_closed(url):
    async with await nats.connect(url) as nc:
        await nc.publish("x", b"")
