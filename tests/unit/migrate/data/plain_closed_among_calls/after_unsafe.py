import logging

import nats

log = logging.getLogger()


async def guard_several(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            if nc:
                await nc.drain()
                await nc.close()


async def guard_log(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            if nc:
                await nc.close()
                log.info("closed")


async def guard_log_inside_with_except(url):
    try:
        async with await nats.connect(url) as nc:
            try:
                await nc.publish("a", b"")
            finally:
                if nc:
                    await nc.close()
                    log.info("closed")
    except ValueError as e:
        log.error(e)


async def try_log(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            try:
                await nc.drain()
                log.info("drained")
            except Exception as e:
                log.error("bad %s", e)


async def status(url):
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"")


async def shut(nc):
    log.info("closing")
    await nc.drain()


async def helper(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            await shut(nc)
