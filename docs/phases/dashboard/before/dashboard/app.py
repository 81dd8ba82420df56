"""The dashboard's JSON: what there is, and two ways to intervene."""

from typing import Any, Dict, List

from naq.models.failed import FailedJob
from nats.js.errors import KeyNotFoundError, NoKeysError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..connection import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)


class Dashboard:
    """What the page asks for."""

    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def queues(self) -> List[Dict[str, Any]]:
        """Return how many jobs are in each queue."""
        nc = None
        sizes: Dict[str, int] = {}
        try:
            nc = await get_nats_connection(self.nats_url)
            js = await get_jetstream_context(nc)
            info = await js.stream_info("naq_jobs", subjects_filter=">")
            for subject in info.state.subjects or {}:
                name = subject.split(".")[2]
                sizes[name] = sizes.get(name, 0) + 1
        finally:
            if nc:
                await close_nats_connection()
        return [{"name": name, "jobs": sizes[name]} for name in sorted(sizes)]

    async def workers(self) -> List[Dict[str, Any]]:
        """Return the status of each worker."""
        nc = None
        try:
            nc = await get_nats_connection(self.nats_url)
            js = await get_jetstream_context(nc)
            kv = await js.key_value("worker_status")
            entries = [await kv.get(worker_id) for worker_id in sorted(await kv.keys())]
        except NoKeysError:  # nats-py's word for an empty bucket
            return []
        finally:
            if nc:
                await close_nats_connection()
        return [{"worker_id": entry.key, "status": entry.value.decode()} for entry in entries]

    async def failed(self) -> List[Dict[str, Any]]:
        """Return the failed jobs."""
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("failed_jobs")
            entries = [await kv.get(job_id) for job_id in sorted(await kv.keys())]
        except NoKeysError:
            return []
        finally:
            await close_nats_connection(self.nats_url)
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
        nc = await get_nats_connection(self.nats_url)
        js = await get_jetstream_context(nc)
        await js.purge_stream("naq_jobs", subject=f"naq.jobs.{name}.*")
        return JSONResponse({"purged": jobs.get(name, 0)})

    async def requeue(self, request: Request) -> JSONResponse:
        """Put a failed job into its queue again."""
        job_id = request.path_params["job_id"]
        source = await get_nats_connection(self.nats_url)
        target = await get_nats_connection(self.nats_url)
        try:
            source_js = await get_jetstream_context(source)
            target_js = await get_jetstream_context(target)
            failed = await source_js.key_value("failed_jobs")
            try:
                job = FailedJob.deserialize((await failed.get(job_id)).value).job
            except KeyNotFoundError:
                return JSONResponse({"error": f"there is no failed job {job_id!r}"}, 404)
            await target_js.publish(f"naq.jobs.{job.queue}.{job.job_id}", job.serialize())
            await failed.delete(job_id)
            return JSONResponse({"requeued": job_id})
        finally:
            await close_nats_connection(self.nats_url)


def create_app(nats_url: str) -> Starlette:
    """Return the dashboard as an ASGI application."""
    dashboard = Dashboard(nats_url)
    return Starlette(
        routes=[
            Route("/api/overview", dashboard.overview),
            Route("/api/queues/{name}/purge", dashboard.purge, methods=["POST"]),
            Route("/api/failed/{job_id}/requeue", dashboard.requeue, methods=["POST"]),
        ]
    )
