from naq.connection import close_nats_connection, get_nats_connection


class Mover:
    def __init__(self, nats_url: str) -> None:
        self.nats_url = nats_url

    async def move(self) -> None:
        source = await get_nats_connection(self.nats_url)
        target = await get_nats_connection(self.nats_url)
        try:
            reply = await source.request("next", b"")
            await target.publish("moved", reply.data)
        finally:
            await close_nats_connection(self.nats_url)
