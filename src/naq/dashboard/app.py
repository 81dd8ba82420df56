"""The dashboard as an ASGI application: by itself, or mounted in another one."""

from __future__ import annotations

from importlib import resources
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from naq.config import Config, as_config
from naq.dashboard.actions import Actions
from naq.dashboard.endpoint import reading, writing
from naq.dashboard.guards import Authorize, LoginGuard, OriginGuard, TokenGuard
from naq.dashboard.live import Live
from naq.dashboard.views import Views

_ASSETS: Final = resources.files("naq.dashboard").joinpath("static")

_KINDS: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def create_app(
    config: Config | str | None = None,
    *,
    token: str | None = None,
    hosts: frozenset[str] = frozenset(),
    authorize: Authorize | None = None,
) -> Starlette:
    """Return the dashboard as an ASGI application, which can be mounted under a path.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        token: what a browser has to bring; None asks for none.
        hosts: the names that it may be called by; empty means any.
        authorize: called with each request, a starlette ``Request``: returns whether it may pass, or
            the response to give in its place, such as a redirect to a login. It may be a coroutine
            function. None lets everybody in.
    """
    settings = as_config(config)
    views, actions, live = Views(settings), Actions(settings), Live(settings)
    guards = [Middleware(OriginGuard, hosts=hosts), Middleware(TokenGuard, token=token)]
    if authorize is not None:
        guards.append(Middleware(LoginGuard, authorize=authorize))
    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/static/{path:path}", _asset),
            Route("/api/overview", reading(views.overview)),
            Route("/api/chart", reading(views.chart)),
            Route("/api/jobs", reading(views.jobs)),
            Route("/api/job", reading(views.job)),
            Route("/api/queues", reading(views.queues)),
            Route("/api/schedules", reading(views.schedules)),
            Route("/api/workers", reading(views.workers)),
            Route("/api/set-aside", reading(views.set_aside)),
            Route("/api/live", live.endpoint),
            *(
                Route(f"/api/{name}", writing(action), methods=["POST"])
                for name, action in actions.by_name().items()
            ),
        ],
        middleware=guards,
    )
    app.state.live = live
    return app


async def _page(request: Request) -> Response:
    if not request.url.path.endswith("/"):
        # Without the slash, the page's own links would begin one level too high.
        return RedirectResponse(f"{request.url.path.rpartition('/')[2]}/")
    return _file("index.html")


async def _asset(request: Request) -> Response:
    return _file(request.path_params["path"])


def _file(path: str) -> Response:
    parts = path.split("/")
    kind = _KINDS.get(path.rpartition(".")[2])
    asset = _ASSETS.joinpath(*parts)
    if kind is None or ".." in parts or not asset.is_file():
        return Response("there is no such file", 404, media_type="text/plain")
    return Response(asset.read_bytes(), media_type=kind, headers=_HEADERS)
