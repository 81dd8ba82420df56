"""Stores orders, and announces them."""

from nats.aio.client import Client
from nats.js.errors import KeyNotFoundError


class Orders:
    def __init__(self, nc: Client) -> None:
        self.nc = nc

    async def place(self, order_id: str, item: str) -> None:
        kv = await self.nc.jetstream().key_value("orders")
        await kv.put(order_id, item.encode())
        await self.nc.publish("orders.placed", order_id.encode())

    async def find(self, order_id: str) -> str | None:
        kv = await self.nc.jetstream().key_value("orders")
        try:
            entry = await kv.get(order_id)
        except KeyNotFoundError:
            return None
        return entry.value.decode()
