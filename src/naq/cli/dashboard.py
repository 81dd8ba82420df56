"""``naq dashboard``."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from typing import Annotated

import typer

from naq.cli.output import AsJson, Url, as_json, config_of, fail, say
from naq.exceptions import NaqError


def dashboard(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, help="Port; 0 for a free one.")
    ] = 8222,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="NAQ_DASHBOARD_TOKEN", help="The token that a browser has to send, as ?token=."
        ),
    ] = None,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Show jobs, queues, schedules and workers in a browser, and control them there."""
    if not is_loopback(host) and not token:
        fail(f"{host} can be reached from other machines: give a --token, or listen on 127.0.0.1")
    try:
        from naq.dashboard.app import create_app
        from naq.dashboard.serve import serve
    except ModuleNotFoundError as error:
        fail(f"the dashboard needs {error.name}: install naq with its extra `dashboard`")
    # A name that another page made point here is not one of these.
    hosts = frozenset({"localhost", "127.0.0.1", "::1", host}) if is_loopback(host) else frozenset()
    try:
        app = create_app(config_of(url), token=token, hosts=hosts)
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except NaqError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot listen on {host}, port {port}: {error.strerror}")
    with listening:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}/"
        as_json({"url": address}) if json_ else say(f"Dashboard at {address}. Ctrl-C ends it.")
        with suppress(KeyboardInterrupt):
            serve(app, listening)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
