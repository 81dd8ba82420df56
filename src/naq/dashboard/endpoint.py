"""Endpoints: JSON in, JSON out, and each error in one line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nats.errors
import orjson
from nats.js.errors import APIError
from starlette.requests import Request
from starlette.responses import Response

from naq.exceptions import JobError, NaqError, ScheduleError, describe_error

Answer = Mapping[str, Any]
Body = dict[str, Any]


class BadRequestError(NaqError):
    """A request lacks what it needs. The message names it."""


class NotThereError(NaqError):
    """There is no such job, schedule or message."""


def reading(
    view: Callable[[Request], Awaitable[Answer]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that answers with what a view returns."""

    async def endpoint(request: Request) -> Response:
        return await _answered(view(request))

    return endpoint


def writing(
    action: Callable[[Body], Awaitable[Answer]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that calls an action with the JSON object of a request."""

    async def endpoint(request: Request) -> Response:
        try:
            body = orjson.loads(await request.body() or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return _json({"error": "expected a JSON object"}, 400)
        return await _answered(action(body))

    return endpoint


async def _answered(answer: Awaitable[Answer]) -> Response:
    try:
        return _json(await answer)
    except BadRequestError as error:
        return _json({"error": str(error)}, 400)
    except (NotThereError, JobError, ScheduleError) as error:
        return _json({"error": str(error)}, 404)
    except (NaqError, nats.errors.Error, APIError, TimeoutError) as error:
        return _json({"error": describe_error(error)}, 503)


def _json(value: Answer, status: int = 200) -> Response:
    data = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)
    return Response(
        data,
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
