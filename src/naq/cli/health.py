"""``naq health``."""

from __future__ import annotations

import dataclasses
import socket
from typing import Annotated

import typer

from naq.cli.output import REFUSED, AsJson, Url, as_json, command, config_of, table
from naq.health import check_health


@command
async def health(
    worker: Annotated[
        str | None, typer.Option(help="The worker that has to be alive. By default any.")
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="The worker has to be one of this host, or container.")
    ] = False,
    queue: Annotated[
        str | None, typer.Option("--queue", "-q", help="The worker has to serve this queue.")
    ] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Check the server and its streams alone.")
    ] = False,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Check the server, its streams, and that a worker is alive; the exit code is 1 or 3 if not.

    1: something is missing, or no worker is alive. 3: the server does not answer.
    """
    host = socket.gethostname() if here else None
    checks = await check_health(
        config_of(url), worker=worker, host=host, queue=queue, workers=not no_worker
    )
    healthy = all(each.healthy for each in checks)
    if json_:
        as_json({"healthy": healthy, "checks": [dataclasses.asdict(each) for each in checks]})
    else:
        table(
            ("check", "", "found"),
            ((each.name, "ok" if each.healthy else "failed", each.detail) for each in checks),
        )
    if not healthy:
        raise typer.Exit(REFUSED)
