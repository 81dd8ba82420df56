"""The dashboard: one page, and the JSON behind it."""

from __future__ import annotations

import asyncio
import dataclasses
import hmac
import time
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

import nats.errors
from nats.js.errors import APIError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from naq.buckets import ensure_buckets
from naq.config import Config, as_config
from naq.events import EventManager
from naq.exceptions import JobError, NaqError, ScheduleError
from naq.failed import FailedJobs
from naq.models.failed import FailedJob
from naq.queue.core import Queue
from naq.queue.sizes import queue_sizes
from naq.scheduling import store
from naq.set_aside import SetAside
from naq.worker.status import WorkerStatusManager

RATE_SPAN = 60.0
"""Seconds over which the rates are taken."""

MOST_SHOWN = 200
"""Rows of a table; more than that is for the command line."""

_COOKIE = "naq_token"


class TokenGuard:
    """Lets through only requests that bring the token, or a cookie that stands for it.

    Args:
        app: the application.
        token: the token; None lets everybody in.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or self._token is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        answer: ASGIApp = self._app
        if self._is(request.query_params.get("token")):
            # Out of the address bar, and of what is shared with it, at once.
            # One slash: `//host` would lead to another site.
            redirect = RedirectResponse("/" + request.url.path.lstrip("/\\"))
            redirect.set_cookie(
                _COOKIE,
                self._token,
                path=scope.get("root_path") or "/",
                secure=request.url.scheme == "https",
                httponly=True,
                samesite="strict",
            )
            answer = redirect
        elif not (
            self._is(request.cookies.get(_COOKIE))
            or self._is(request.headers.get("authorization", "").removeprefix("Bearer "))
        ):
            answer = JSONResponse({"error": "open this page with ?token=..."}, 401)
        await answer(scope, receive, send)

    def _is(self, given: str | None) -> bool:
        assert self._token is not None
        return given is not None and hmac.compare_digest(given.encode(), self._token.encode())


class HostGuard:
    """Refuses what a foreign page could send to a dashboard on the loopback interface.

    A page elsewhere can have its own name point here (DNS rebinding), and can post forms here. Both
    show in the request: in the host, and in the origin.

    Args:
        app: the application.
        hosts: the names that the dashboard may be called by; empty means any.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] == "http":
            request = Request(scope)
            host = request.headers.get("host", "")
            origin = request.headers.get("origin")
            name = request.url.hostname or ""
            foreign = self._hosts and name not in self._hosts
            if foreign or (origin is not None and origin.partition("://")[2] != host):
                await JSONResponse({"error": "not from here"}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def create_app(
    config: Config | str | None = None,
    *,
    token: str | None = None,
    hosts: frozenset[str] = frozenset(),
) -> Starlette:
    """Return the dashboard as an ASGI application.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        token: what a browser has to bring; None lets everybody in.
        hosts: the names that it may be called by; empty means any.
    """
    dashboard = _Dashboard(as_config(config))
    return Starlette(
        routes=[
            Route("/", _page),
            Route("/api/overview", _told(dashboard.overview)),
            Route("/api/failed/{job_id:path}/requeue", _told(dashboard.requeue), methods=["POST"]),
            Route("/api/failed/{job_id:path}", _told(dashboard.forget), methods=["DELETE"]),
            Route("/api/failed/{job_id:path}", _told(dashboard.failure)),
            Route("/api/queues/{name:path}/purge", _told(dashboard.purge), methods=["POST"]),
            Route("/api/schedules/{job_id:path}/pause", _told(dashboard.pause), methods=["POST"]),
            Route("/api/schedules/{job_id:path}/resume", _told(dashboard.resume), methods=["POST"]),
        ],
        middleware=[
            Middleware(HostGuard, hosts=hosts),
            Middleware(TokenGuard, token=token),
        ],
    )


async def _page(_request: Request) -> Response:
    page = resources.files("naq.dashboard").joinpath("page.html").read_text(encoding="utf-8")
    return HTMLResponse(
        page,
        headers={
            "Content-Security-Policy": (
                "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                "img-src data:; "
                "frame-ancestors 'none'"
            ),
            "Referrer-Policy": "no-referrer",
        },
    )


def _told(
    action: Callable[[Request], Awaitable[dict[str, Any]]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that answers with an action's result, or its one-line error, as JSON."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await action(request))
        except (JobError, ScheduleError) as error:
            return JSONResponse({"error": str(error)}, 404)
        except NaqError as error:
            return JSONResponse({"error": str(error)}, 503)
        except (nats.errors.Error, APIError, TimeoutError) as error:
            return JSONResponse({"error": f"no answer: {type(error).__name__}"}, 503)

    return endpoint


class _Dashboard:
    """The data of the page.

    Args:
        config: the configuration.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._failed = FailedJobs(config)
        self._prepared = False

    async def overview(self, _request: Request) -> dict[str, Any]:
        """Return everything that the page shows."""
        if not self._prepared:
            await ensure_buckets(self._config)
            self._prepared = True
        sizes, workers, schedules, (failed, failed_count), aside, stats = await asyncio.gather(
            queue_sizes(self._config),
            WorkerStatusManager(self._config).list_workers(),
            store.list_schedules(self._config),
            self._latest_failed(),
            SetAside(self._config).list(),
            EventManager(self._config).stats(RATE_SPAN),
        )
        queues = sorted({*sizes, *stats.queues, *_served(workers)})
        return {
            "time": time.time(),
            "rate": stats.rate,
            "mean_duration": stats.mean_duration,
            "queues": [
                {
                    "name": name,
                    "jobs": sizes.get(name, 0),
                    "completed": stats.queues.get(name, {}).get("completed", 0) / RATE_SPAN,
                    "failed": stats.queues.get(name, {}).get("failed", 0) / RATE_SPAN,
                }
                for name in queues
            ],
            "workers": [
                {
                    **dataclasses.asdict(worker),
                    "last_seen": worker.last_seen.timestamp(),
                    "status": "stale" if worker.stale else worker.status.value,
                }
                for worker in workers[:MOST_SHOWN]
            ],
            "schedules": [
                {
                    "job_id": each.job_id,
                    "function": store.function_of(each),
                    "queue": each.queue,
                    "cron": each.cron,
                    "interval": each.interval,
                    "run_at": each.run_at.timestamp() if each.run_at else None,
                    "status": each.status.value,
                }
                for each in schedules[:MOST_SHOWN]
            ],
            "set_aside_count": len(aside),
            "set_aside": [each.describe() for each in aside[:MOST_SHOWN]],
            "failed_count": failed_count,
            "failed": [
                {
                    "job_id": each.job.job_id,
                    "function": each.job.function_name,
                    "queue": each.job.queue,
                    "attempts": each.failure.attempts,
                    "failed_at": each.failure.failed_at,
                    "error": str(each.failure).partition("\n")[0],
                }
                for each in failed
            ],
        }

    async def _latest_failed(self) -> tuple[list[FailedJob], int]:
        return await self._failed.list(limit=MOST_SHOWN), await self._failed.count()

    async def failure(self, request: Request) -> dict[str, Any]:
        """Return one failed job, with its traceback."""
        job_id = request.path_params["job_id"]
        each = await self._failed.get(job_id)
        if each is None:
            raise JobError(f"there is no failed job {job_id!r}")
        return each.describe()

    async def requeue(self, request: Request) -> dict[str, Any]:
        """Put a failed job into its queue again."""
        await self._failed.requeue(request.path_params["job_id"])
        return {"requeued": request.path_params["job_id"]}

    async def forget(self, request: Request) -> dict[str, Any]:
        """Remove a failed job."""
        return {"deleted": await self._failed.delete(request.path_params["job_id"])}

    async def purge(self, request: Request) -> dict[str, Any]:
        """Remove every job from a queue."""
        return {"purged": await Queue(request.path_params["name"], self._config).purge()}

    async def pause(self, request: Request) -> dict[str, Any]:
        """Pause a schedule."""
        await store.pause_scheduled_job(request.path_params["job_id"], self._config)
        return {"paused": request.path_params["job_id"]}

    async def resume(self, request: Request) -> dict[str, Any]:
        """Resume a schedule."""
        await store.resume_scheduled_job(request.path_params["job_id"], self._config)
        return {"resumed": request.path_params["job_id"]}


def _served(workers: list[Any]) -> set[str]:
    return {queue for worker in workers for queue in worker.details.get("queues", ())}
