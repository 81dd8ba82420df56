"""Who may see the dashboard, and which requests come from itself."""

from __future__ import annotations

import hmac
import inspect
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

Authorize = Callable[[Request], "bool | Response | Awaitable[bool | Response]"]

_COOKIE: Final = "naq_token"
_SAFE: Final = frozenset({"GET", "HEAD"})


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
            answer = self._without_token(request)
        elif not (
            self._is(request.cookies.get(_COOKIE))
            or self._is(request.headers.get("authorization", "").removeprefix("Bearer "))
        ):
            answer = JSONResponse({"error": "open this page with ?token=..."}, 401)
        await answer(scope, receive, send)

    def _without_token(self, request: Request) -> Response:
        """Take the token out of the address bar, and of what is shared with it, at once."""
        rest = [(key, value) for key, value in request.query_params.multi_items() if key != "token"]
        query = f"?{urlencode(rest)}" if rest else ""
        # One slash: `//host` would lead to another site.
        redirect = RedirectResponse("/" + request.url.path.lstrip("/\\") + query)
        assert self._token is not None
        redirect.set_cookie(
            _COOKIE,
            self._token,
            path=request.scope.get("root_path") or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return redirect

    def _is(self, given: str | None) -> bool:
        assert self._token is not None
        return given is not None and hmac.compare_digest(given.encode(), self._token.encode())


class OriginGuard:
    """Refuses what a foreign page could send to the dashboard.

    A page elsewhere can have its own name point here (DNS rebinding), and can post forms here. The
    request's host, its origin and ``Sec-Fetch-Site`` give both away. A form cannot send JSON, so
    whatever changes something has to be JSON.

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
            if self._is_foreign(request):
                await JSONResponse({"error": "not from here"}, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_foreign(self, request: Request) -> bool:
        if self._hosts and (request.url.hostname or "") not in self._hosts:
            return True
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
            return True
        if request.method in _SAFE:
            return False
        site = request.headers.get("sec-fetch-site", "same-origin")
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        return site != "same-origin" or kind != "application/json"


class LoginGuard:
    """Lets through what the surrounding application lets through.

    Args:
        app: the application.
        authorize: returns whether a request may pass, or the response to give in its place.
    """

    def __init__(self, app: ASGIApp, authorize: Authorize) -> None:
        self._app = app
        self._authorize = authorize

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        answer: ASGIApp = self._app
        if scope["type"] == "http":
            found = self._authorize(Request(scope, receive))
            decision = await found if inspect.isawaitable(found) else found
            if isinstance(decision, Response):
                answer = decision
            elif not decision:
                answer = JSONResponse({"error": "you are not logged in, or may not see this"}, 403)
        await answer(scope, receive, send)
