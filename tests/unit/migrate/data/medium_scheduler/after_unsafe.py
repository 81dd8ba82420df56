from typing import List

from ..config import Config, get_config
from ..models import Schedule
from ..connection import nats_kv_store


class Scheduler:
    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def store_scheduled_job(self, job_id: str, schedule: Schedule) -> None:
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            await kv.put(job_id, schedule.serialize())

    async def get_scheduled_jobs(self) -> List[Schedule]:
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            entries = await kv.entries()
            return [Schedule.deserialize(entry.value) for entry in entries.values()]

    async def remove_scheduled_job(self, job_id: str) -> None:
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            await kv.delete(job_id)
