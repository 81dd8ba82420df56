import base64
import secrets

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from naq.dashboard import create_app

STAFF = {"ann": "correct horse"}


def is_staff(request: Request) -> bool | Response:
    try:
        _, given = request.headers["Authorization"].split()
        name, password = base64.b64decode(given).decode().split(":", 1)
    except (KeyError, ValueError):
        name, password = "", ""
    if name in STAFF and secrets.compare_digest(STAFF[name].encode(), password.encode()):
        return True
    return Response("log in", 401, {"WWW-Authenticate": "Basic"})


app = FastAPI()
app.mount("/jobs", create_app(authorize=is_staff))
