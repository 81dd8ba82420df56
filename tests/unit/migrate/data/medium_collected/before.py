from naq.connection import get_nats_connection


async def open_many(url: str) -> None:
    # Multiple connections held in memory simultaneously
    connections = []
    for i in range(10):
        nc = await get_nats_connection(url)
        connections.append(nc)
    for connection in connections:
        await connection.publish("ready", b"")
