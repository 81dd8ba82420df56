from helpers.bus import close_bus, open_bus


async def report(text: str) -> None:
    bus = await open_bus()
    await bus.publish("reports", text.encode())
    await close_bus(bus)
