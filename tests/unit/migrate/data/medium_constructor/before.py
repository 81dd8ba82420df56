from typing import List, Optional

from .connection import nats_kv_store
from .models import Schedule


class Scheduler:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def get_scheduled_jobs(self) -> List[Schedule]:
        async with nats_kv_store("scheduled_jobs", self.nats_url) as kv:
            entries = await kv.entries()
            return [Schedule.deserialize(entry.value) for entry in entries.values()]

    async def next_job(self) -> Optional[Schedule]:
        jobs = await self.get_scheduled_jobs()
        return jobs[0] if jobs else None


def local_scheduler() -> Scheduler:
    return Scheduler(nats_url="nats://localhost:4222")
