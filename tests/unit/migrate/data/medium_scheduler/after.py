from typing import List

from ..models import Schedule
from ..connection import nats_kv_store


class Scheduler:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def store_scheduled_job(self, job_id: str, schedule: Schedule) -> None:
        async with nats_kv_store("scheduled_jobs", self.nats_url) as kv:
            await kv.put(job_id, schedule.serialize())

    async def get_scheduled_jobs(self) -> List[Schedule]:
        async with nats_kv_store("scheduled_jobs", self.nats_url) as kv:
            entries = await kv.entries()
            return [Schedule.deserialize(entry.value) for entry in entries.values()]

    async def remove_scheduled_job(self, job_id: str) -> None:
        async with nats_kv_store("scheduled_jobs", self.nats_url) as kv:
            await kv.delete(job_id)
