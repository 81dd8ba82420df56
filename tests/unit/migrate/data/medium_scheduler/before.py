from typing import List

from ..models import Schedule
from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class Scheduler:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def store_scheduled_job(self, job_id: str, schedule: Schedule) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("scheduled_jobs")
            await kv.put(job_id, schedule.serialize())
        finally:
            await close_nats_connection(nc)

    async def get_scheduled_jobs(self) -> List[Schedule]:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("scheduled_jobs")
            entries = await kv.entries()
            return [Schedule.deserialize(entry.value) for entry in entries.values()]
        finally:
            await close_nats_connection(nc)

    async def remove_scheduled_job(self, job_id: str) -> None:
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("scheduled_jobs")
            await kv.delete(job_id)
        finally:
            await close_nats_connection(nc)
