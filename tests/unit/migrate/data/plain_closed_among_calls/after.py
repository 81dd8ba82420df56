import logging

import nats
from nats.aio.client import Client as NATS

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
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"")
    except ValueError as e:
        log.error(e)
    finally:
        if nc:
            await nc.close()
            log.info("closed")


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
    nc = await nats.connect(url)
    try:
        await nc.publish("a", b"")
    finally:
        if nc.status != NATS.CLOSED:
            await nc.close()


async def shut(nc):
    log.info("closing")
    await nc.drain()


async def helper(url):
    nc = await nats.connect(url)
    try:
        await nc.publish("a", b"")
    finally:
        await shut(nc)
