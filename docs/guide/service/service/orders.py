"""Stores orders, and announces them."""

import nats
from nats.js.errors import KeyNotFoundError


class Orders:
    def __init__(self, url: str) -> None:
        self.url = url

    async def place(self, order_id: str, item: str) -> None:
        nc = await nats.connect(self.url)
        try:
            kv = await nc.jetstream().key_value("orders")
            await kv.put(order_id, item.encode())
            await nc.publish("orders.placed", order_id.encode())
        finally:
            await nc.close()

    async def find(self, order_id: str) -> str | None:
        nc = await nats.connect(self.url)
        kv = await nc.jetstream().key_value("orders")
        try:
            entry = await kv.get(order_id)
        except KeyNotFoundError:
            return None
        await nc.close()
        return entry.value.decode()
