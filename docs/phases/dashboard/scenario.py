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

BUCKETS = ["failed_jobs", "worker_status"]
STREAMS = ["naq_jobs"]


def _job(job_id: str, queue: str) -> Job:
    return Job("builtins:len", (job_id,), job_id=job_id, queue=queue, created_at=0.0)


async def prepare(js: JetStreamContext) -> None:
    """Put jobs on two queues, a worker to its status, and a job among the failed ones."""
    await js.add_stream(job_stream(Config()))
    await js.add_stream(event_stream(Config()))
    for bucket in Names().buckets:
        await js.create_key_value(bucket=bucket)
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
    call = journal.call
    await call("GET /api/overview", _shown(app))
    await call("POST /api/queues/default/purge", _ask(app, "POST", "/api/queues/default/purge"))
    await call("POST it again", _ask(app, "POST", "/api/queues/default/purge"))
    await call("POST /api/failed/f1/requeue", _ask(app, "POST", "/api/failed/f1/requeue"))
    await call("POST it again", _ask(app, "POST", "/api/failed/f1/requeue"))
    await call("GET /api/overview after that", _shown(app))
    await call("POST a purge at last", _ask(app, "POST", "/api/queues/default/purge"))


async def _ask(app: Any, method: str, path: str) -> tuple[int, Any]:
    """Make one request as an ASGI server would."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *body = sent
    return start["status"], json.loads(b"".join(message.get("body", b"") for message in body))


async def _shown(app: Any) -> tuple[int, dict[str, Any]]:
    """The overview by what both have in it; the page shows more by now."""
    status, page = await _ask(app, "GET", "/api/overview")
    return status, {
        "queues": {queue["name"]: queue["jobs"] for queue in page["queues"]},
        "workers": {worker["worker_id"]: worker["status"] for worker in page["workers"]},
        "failed": [failed["job_id"] for failed in page["failed"]],
    }


async def play_unprepared(variant: Variant, url: str, journal: Journal) -> None:
    """Nothing: today's dashboard makes what is missing."""


async def repeat(variant: Variant, url: str, calls: int) -> None:
    """One request, again and again: what the phase is timed on."""
    app = variant.load("dashboard.app").create_app(url)
    for _ in range(calls):
        await _ask(app, "POST", "/api/failed/unknown/requeue")
