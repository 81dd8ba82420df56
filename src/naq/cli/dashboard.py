"""``naq dashboard``."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer

from naq.cli.output import Url, config_of, fail, say


def dashboard(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="Port.")] = 8222,
    token: Annotated[
        str | None,
        typer.Option(envvar="NAQ_DASHBOARD_TOKEN", help="What a browser has to bring, as ?token=."),
    ] = None,
    url: Url = None,
) -> None:
    """Show queues, workers, schedules and failed jobs in a browser."""
    if not is_loopback(host) and not token:
        fail(f"{host} can be reached from other machines: give a --token, or listen on 127.0.0.1")
    try:
        import uvicorn

        from naq.dashboard.app import create_app
    except ModuleNotFoundError as error:
        fail(f"the dashboard needs {error.name}: pip install 'naq[dashboard]'")
        return
    # A name that another page made point here is not one of these.
    hosts = frozenset({"localhost", "127.0.0.1", "::1", host}) if is_loopback(host) else frozenset()
    app = create_app(config_of(url), token=token, hosts=hosts)
    shown = f"[{host}]" if ":" in host else host
    say(f"Dashboard at http://{shown}:{port}/. Ctrl-C ends it.")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
