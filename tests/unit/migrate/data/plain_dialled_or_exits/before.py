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
    try:
        await nc.publish("a", b"")
    finally:
        await nc.close()


async def pulled(url):
    try:
        nc = await nats.connect(url)
        sub = await nc.subscribe("a")
        print(await sub.next_msg())
        await nc.close()
    except ValueError:
        pass
