import nats


async def open_bus():
    return await nats.connect("nats://127.0.0.1:4222", name="reports")


async def close_bus(bus):
    await bus.drain()
