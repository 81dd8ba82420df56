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
        try:
            await nc.publish("a", b"")
        finally:
            if nc.status != NATS.CLOSED:
                await nc.close()


async def shut(nc):
    log.info("closing")
    await nc.drain()


async def helper(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            await shut(nc)


async def private_status(url):
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"")


async def shut_quietly(nc):
    if nc is None or nc.is_closed:
        return
    try:
        await nc.drain()
    except Exception as e:
        log.warning("drain failed: %s", e)


async def helper_that_swallows(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            await shut_quietly(nc)


async def shut_while_connected(nc):
    if nc.is_connected:
        await nc.close()


async def helper_that_may_not_close(url):
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"")
        finally:
            await shut_while_connected(nc)


async def helper_after_another_error(url):
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"")
        await shut(nc=nc)


async def close_before_drain(url):
    async with await nats.connect(url) as nc:
        await nc.publish("a", b"")
        await nc.close()
        await nc.drain()
