"""The dashboard's JSON: what there is, and two ways to intervene."""

from typing import Any, Dict, List

from naq.models.failed import FailedJob
from nats.js.errors import KeyNotFoundError, NoKeysError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..config import Config, get_config
from ..connection import (
    nats_jetstream,
    nats_kv_store,
)


class Dashboard:
    """What the page asks for."""

    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def queues(self) -> List[Dict[str, Any]]:
        """Return how many jobs are in each queue."""
        sizes: Dict[str, int] = {}
        async with nats_jetstream(self.config) as (nc, js):
            info = await js.stream_info("naq_jobs", subjects_filter=">")
            for subject in info.state.subjects or {}:
                name = subject.split(".")[2]
                sizes[name] = sizes.get(name, 0) + 1
        return [{"name": name, "jobs": sizes[name]} for name in sorted(sizes)]

    async def workers(self) -> List[Dict[str, Any]]:
        """Return the status of each worker."""
        try:
            async with nats_kv_store("worker_status", self.config) as kv:
                entries = [await kv.get(worker_id) for worker_id in sorted(await kv.keys())]
        except NoKeysError:  # nats-py's word for an empty bucket
            return []
        return [{"worker_id": entry.key, "status": entry.value.decode()} for entry in entries]

    async def failed(self) -> List[Dict[str, Any]]:
        """Return the failed jobs."""
        async with nats_jetstream(self.config) as (nc, js):
            try:
                kv = await js.key_value("failed_jobs")
                entries = [await kv.get(job_id) for job_id in sorted(await kv.keys())]
            except NoKeysError:
                return []
        return [{"job_id": entry.key} for entry in entries]

    async def overview(self, request: Request) -> JSONResponse:
        """Return everything that the page shows."""
        return JSONResponse(
            {
                "queues": await self.queues(),
                "workers": await self.workers(),
                "failed": await self.failed(),
            }
        )

    async def purge(self, request: Request) -> JSONResponse:
        """Remove every job from a queue."""
        name = request.path_params["name"]
        jobs = {queue["name"]: queue["jobs"] for queue in await self.queues()}
        async with nats_jetstream(self.config) as (nc, js):
            await js.purge_stream("naq_jobs", subject=f"naq.jobs.{name}.*")
            return JSONResponse({"purged": jobs.get(name, 0)})

    async def requeue(self, request: Request) -> JSONResponse:
        """Put a failed job into its queue again."""
        job_id = request.path_params["job_id"]
        async with nats_jetstream(self.config) as (source, source_js):
            failed = await source_js.key_value("failed_jobs")
            try:
                job = FailedJob.deserialize((await failed.get(job_id)).value).job
            except KeyNotFoundError:
                return JSONResponse({"error": f"there is no failed job {job_id!r}"}, 404)
            await source_js.publish(f"naq.jobs.{job.queue}.{job.job_id}", job.serialize())
            await failed.delete(job_id)
            return JSONResponse({"requeued": job_id})


def create_app(nats_url: str) -> Starlette:
    """Return the dashboard as an ASGI application."""
    dashboard = Dashboard(Config(servers=(nats_url,)))
    return Starlette(
        routes=[
            Route("/api/overview", dashboard.overview),
            Route("/api/queues/{name}/purge", dashboard.purge, methods=["POST"]),
            Route("/api/failed/{job_id}/requeue", dashboard.requeue, methods=["POST"]),
        ]
    )
