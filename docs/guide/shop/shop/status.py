"""Remembers how far an order is."""

from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection
from nats.js.errors import KeyNotFoundError


class OrderStatus:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def put(self, order_id: str, status: str) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("order_status")
            await kv.put(order_id, status.encode())
        finally:
            await close_nats_connection(nc)

    async def get(self, order_id: str) -> str | None:
        nc = await get_nats_connection(self.nats_url)
        js = await get_jetstream_context(nc)
        kv = await js.key_value("order_status")
        try:
            entry = await kv.get(order_id)
        except KeyNotFoundError:
            return None
        await close_nats_connection(nc)
        return entry.value.decode()
