from collections.abc import Awaitable, Callable

import nats
import nats.errors
from naq.connection import nats_connection


async def waits(url: str, notify: Callable[[Exception], Awaitable[None]]) -> None:
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"1")
    except Exception as error:
        await notify(error)
    finally:
        if nc:
            await nc.close()


async def asks(url: str) -> None:
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"1")
    except nats.errors.Error:
        print(nc and nc.is_closed)
    finally:
        if nc:
            await nc.close()


async def goes_on(url: str, notify: Callable[[], Awaitable[None]]) -> None:
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"1")
    except nats.errors.Error as error:
        print(error)
    else:
        await notify()
    finally:
        if nc:
            await nc.close()


async def says(url: str) -> None:
    try:
        async with await nats.connect(url) as nc:
            await nc.publish("a", b"1")
    except nats.errors.Error as error:
        print(error)
        raise


async def opened_before(url: str, notify: Callable[[Exception], Awaitable[None]]) -> None:
    async with await nats.connect(url) as nc:
        try:
            await nc.publish("a", b"1")
        except Exception as error:
            await notify(error)


async def leased(url: str, notify: Callable[[Exception], Awaitable[None]]) -> None:
    try:
        async with nats_connection(url) as nc:
            await nc.publish("a", b"1")
    except Exception as error:
        await notify(error)
