"""An HTTP server for probes: a few paths, answered from the event loop.

A loop that is blocked does not answer, which is what a liveness probe is to find out. A web framework
would bring nothing but its weight: there is one method, no body to read, and no route but exact
paths.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Protocol, runtime_checkable

from naq.exceptions import NaqError

READ_TIMEOUT: Final = 5.0
"""Seconds that a client has to send its request."""

LONGEST_LINE: Final = 8192


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a probe.

    Args:
        status: the status code.
        body: the body.
        content_type: its type.
    """

    status: int
    body: bytes
    content_type: str = "application/json"


@runtime_checkable
class Exposed(Protocol):
    """Metrics that a server scrapes."""

    def exposition(self) -> Answer:
        """Return the metrics of now."""


def as_answer(reason: str | None, **details: Any) -> Answer:
    """Return the answer to a probe in JSON.

    Args:
        reason: why the answer is no, with status 503; None if it is yes.
        details: what else it holds, in JSON's types.
    """
    document = {"status": "ok"} if reason is None else {"status": "unavailable", "reason": reason}
    body = json.dumps(document | details).encode() + b"\n"
    return Answer(200 if reason is None else 503, body)


class ProbeServer(AbstractAsyncContextManager["ProbeServer"]):
    """Answers GET and HEAD requests while it is entered.

    Args:
        port: the port; 0 is a free one.
        host: the address to listen at; None is all of them.
        paths: what each path answers.

    Raises:
        NaqError: the port is in use, or may not be used.
    """

    def __init__(
        self, port: int, host: str | None, paths: Mapping[str, Callable[[], Answer]]
    ) -> None:
        self.port = port
        self._host = host
        self._paths = paths
        self._answering: set[asyncio.Task[None] | None] = set()

    async def __aenter__(self) -> ProbeServer:
        try:
            self._server = await asyncio.start_server(
                self._handle, self._host, self.port, limit=LONGEST_LINE
            )
        except OSError as error:
            raise NaqError(f"cannot listen on health port {self.port}: {error.strerror}") from error
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._answering:
            if task is not None:
                task.cancel()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._answering.add(task)
        # ValueError: a line that is too long; it deserves no answer.
        try:
            with suppress(ConnectionError, TimeoutError, ValueError):
                async with asyncio.timeout(READ_TIMEOUT):
                    request = await reader.readline()
                    while (await reader.readline()).strip():
                        pass
                    writer.write(self._answer(request))
                    await writer.drain()
        finally:
            self._answering.discard(task)
            writer.close()

    def _answer(self, request: bytes) -> bytes:
        method, target, *_ = [*request.decode("latin-1").split(), "", ""]
        path = self._paths.get(target.partition("?")[0])
        if method not in ("GET", "HEAD"):
            answer = Answer(405, b"GET or HEAD only\n", "text/plain")
        elif path is None:
            answer = Answer(404, f"there are {', '.join(self._paths)}\n".encode(), "text/plain")
        else:
            answer = path()
        head = (
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
            f"Content-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(answer.body)}\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode() + (b"" if method == "HEAD" else answer.body)
