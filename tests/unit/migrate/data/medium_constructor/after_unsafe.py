from typing import List, Optional

from .config import Config, get_config
from .connection import nats_kv_store
from .models import Schedule


class Scheduler:
    def __init__(self, config: Optional[Config] = None):
        self.config = config or get_config()

    async def get_scheduled_jobs(self) -> List[Schedule]:
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            entries = await kv.entries()
            return [Schedule.deserialize(entry.value) for entry in entries.values()]

    async def next_job(self) -> Optional[Schedule]:
        jobs = await self.get_scheduled_jobs()
        return jobs[0] if jobs else None


def local_scheduler() -> Scheduler:
    return Scheduler(config=Config(servers=("nats://localhost:4222",)))
