import sys

import nats


def die():
    print("usage")
    sys.exit(1)


async def or_exits(url):
    try:
        nc = await nats.connect(url)
    except Exception as e:
        print(e)
        die()
    async with nc:
        await nc.publish("a", b"")
        await nc.drain()


def perhaps(error):
    if error:
        raise error


async def or_goes_on(url):
    try:
        nc = await nats.connect(url)
    except Exception as e:
        perhaps(e)
    await nc.publish("a", b"")
    await nc.drain()


async def with_a_loop(url, loop):
    nc = nats.NATS()
    await nc.connect(url, loop=loop)
    async with nc:
        await nc.publish("a", b"")


async def pulled(url):
    try:
        async with await nats.connect(url) as nc:
            sub = await nc.subscribe("a")
            print(await sub.next_msg())
    except ValueError:
        pass
