"""Serving the dashboard by itself."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette


class _Server(uvicorn.Server):
    """A server that ends the streams of whoever watches before it waits for its connections."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.live.end()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve the dashboard on a socket until SIGTERM or SIGINT."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    _Server(config).run(sockets=[listening])
