"""Takes orders off the queue."""

from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection


class OrderWorker:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def confirm(self, order_id: str) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            # The id makes a repeated confirmation harmless.
            await js.publish("orders.confirmed", b"", headers={"Nats-Msg-Id": order_id})
        finally:
            await close_nats_connection(nc)

    async def cancel(self, order_ids: list[str]) -> None:
        for order_id in order_ids:
            nc = await get_nats_connection(self.nats_url)
            await nc.publish("orders.cancelled", order_id.encode())
            await close_nats_connection(nc)
