from naq.config import Config, get_config
from naq.connection import nats_connection


class Mover:
    def __init__(self, config: Config | None = None) -> None:
        self.config = config or get_config()

    async def move(self) -> None:
        async with nats_connection(self.config) as source:
            reply = await source.request("next", b"")
            await source.publish("moved", reply.data)
