"""Confirms orders."""

from company.bus import close_bus, open_bus


async def confirm(url: str, order: bytes) -> None:
    bus = await open_bus(url, timeout=2.5)
    try:
        await bus.publish("orders.confirmed", order)
    finally:
        await close_bus(bus)


async def cancel(url: str, order: bytes) -> None:
    bus = await open_bus(url)
    try:
        await bus.publish("orders.cancelled", order)
    finally:
        await close_bus(bus)
