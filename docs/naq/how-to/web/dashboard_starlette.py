from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    BaseUser,
    SimpleUser,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount

from naq.dashboard import create_app

SESSIONS = {"s3cr3t": ("ann", ["staff"]), "0th3r": ("bob", [])}


class Sessions(AuthenticationBackend):
    async def authenticate(
        self, conn: HTTPConnection
    ) -> tuple[AuthCredentials, BaseUser] | None:
        name, scopes = SESSIONS.get(conn.cookies.get("session", ""), ("", []))
        return (AuthCredentials(scopes), SimpleUser(name)) if name else None


def is_staff(request: Request) -> bool | Response:
    if not request.user.is_authenticated:
        return RedirectResponse("/login")
    return "staff" in request.auth.scopes


app = Starlette(
    routes=[Mount("/jobs", create_app(authorize=is_staff))],
    middleware=[Middleware(AuthenticationMiddleware, backend=Sessions())],
)
