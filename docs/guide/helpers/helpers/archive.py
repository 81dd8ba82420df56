from company_bus import connect


async def archive(text: str) -> None:
    bus = await connect()
    await bus.publish("archive", text.encode())
    await bus.close()
