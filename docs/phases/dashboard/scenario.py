"""The requests that hold the dashboard before, fixed and now together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from naq.config import Config
from naq.models import Job, JobFailure
from naq.models.failed import FailedJob
from naq.names import Names
from naq.streams import event_stream, job_stream

if TYPE_CHECKING:
    from nats.js import JetStreamContext

    from recorder.variants import Journal, Variant

Answer = tuple[int, Any]
"""A status and what the body holds."""

BUCKETS = ["failed_jobs", "worker_status"]
STREAMS = ["naq_jobs"]


def _job(job_id: str, queue: str) -> Job:
    return Job("builtins:len", (job_id,), job_id=job_id, queue=queue, created_at=0.0)


async def prepare(js: JetStreamContext) -> None:
    """Put jobs on two queues, a worker to its status, and a job among the failed ones."""
    await js.add_stream(job_stream(Config()))
    await js.add_stream(event_stream(Config()))
    for bucket in Names().buckets:
        await js.create_key_value(bucket=bucket, direct=True)
    for queue, job_id in (("default", "a"), ("default", "b"), ("mail", "c")):
        await js.publish(f"naq.jobs.{queue}.{job_id}", _job(job_id, queue).serialize())
    await (await js.key_value("worker_status")).put("w1", b"idle")
    failure = JobFailure("builtins:OSError", "disk full", "", failed_at=1.0)
    await (await js.key_value("failed_jobs")).put(
        "f1", FailedJob(_job("f1", "mail"), failure).serialize()
    )


async def play(variant: Variant, url: str, journal: Journal) -> None:
    """Look at the page, purge a queue, requeue a job; then what goes wrong."""
    app = variant.load("dashboard.app").create_app(url)
    page = Page(app) if variant.state == "now" else OldPage(app)
    call = journal.call
    await call("look at the overview", page.overview())
    await call("purge a queue", page.purge("default"))
    await call("purge it again", page.purge("default"))
    await call("requeue a failed job", page.requeue("f1"))
    await call("requeue it again", page.requeue("f1"))
    await call("look at the overview after that", page.overview())
    await call("purge the queue at last", page.purge("default"))


class OldPage:
    """The requests of the dashboard of the plan.

    Args:
        app: the dashboard.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def overview(self) -> Answer:
        """Return what is in the queues, the workers, and the failed jobs."""
        status, page = await _ask(self._app, "GET", "/api/overview")
        return status, {
            "queues": {queue["name"]: queue["jobs"] for queue in page["queues"]},
            "workers": {worker["worker_id"]: worker["status"] for worker in page["workers"]},
            "failed": [failed["job_id"] for failed in page["failed"]],
        }

    async def purge(self, queue: str) -> Answer:
        """Remove every job from a queue."""
        return await _ask(self._app, "POST", f"/api/queues/{queue}/purge")

    async def requeue(self, job_id: str) -> Answer:
        """Put a failed job back into its queue."""
        return await _ask(self._app, "POST", f"/api/failed/{job_id}/requeue")


class Page:
    """The requests of today's dashboard, which has other paths, and their answers as they were.

    Args:
        app: the dashboard.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def overview(self) -> Answer:
        """Return what is in the queues, the workers, and the failed jobs."""
        _, listed = await _ask(self._app, "GET", "/api/jobs", query=b"state=failed")
        status, page = await _ask(self._app, "GET", "/api/overview")
        return status, {
            "queues": {queue["name"]: queue["jobs"] for queue in page["queues"]},
            "workers": {worker["worker_id"]: worker["status"] for worker in page["workers"]},
            "failed": [job["job_id"] for job in listed["jobs"]],
        }

    async def purge(self, queue: str) -> Answer:
        """Remove every job from a queue."""
        status, page = await _ask(self._app, "POST", "/api/queues/purge", {"name": queue})
        return status, {"purged": page["done"]}

    async def requeue(self, job_id: str) -> Answer:
        """Put a failed job back into its queue."""
        status, page = await _ask(self._app, "POST", "/api/jobs/requeue", {"ids": [job_id]})
        if job_id in page["errors"]:
            return 404, {"error": page["errors"][job_id]}
        return status, {"requeued": job_id}


async def _ask(
    app: Any, method: str, path: str, body: dict[str, Any] | None = None, query: bytes = b""
) -> Answer:
    """Make one request as an ASGI server would."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body or {}).encode(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    return start["status"], json.loads(b"".join(message.get("body", b"") for message in parts))


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """Nothing: today's dashboard makes what is missing."""


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One request, again and again: what the phase is timed on."""
    app = variant.load("dashboard.app").create_app(url)
    page = Page(app) if variant.state == "now" else OldPage(app)
    for _ in range(calls):
        await page.requeue("unknown")
