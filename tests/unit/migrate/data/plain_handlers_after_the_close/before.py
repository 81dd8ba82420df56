from collections.abc import Awaitable, Callable

import nats
import nats.errors
from naq.connection import close_nats_connection, get_nats_connection


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
    nc = None
    try:
        nc = await nats.connect(url)
        await nc.publish("a", b"1")
    except nats.errors.Error as error:
        print(error)
        raise
    finally:
        if nc:
            await nc.close()


async def opened_before(url: str, notify: Callable[[Exception], Awaitable[None]]) -> None:
    nc = await nats.connect(url)
    try:
        await nc.publish("a", b"1")
    except Exception as error:
        await notify(error)
    finally:
        await nc.close()


async def leased(url: str, notify: Callable[[Exception], Awaitable[None]]) -> None:
    nc = None
    try:
        nc = await get_nats_connection(url)
        await nc.publish("a", b"1")
    except Exception as error:
        await notify(error)
    finally:
        if nc:
            await close_nats_connection(nc)
