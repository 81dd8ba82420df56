"""``naq setup`` and ``naq permissions``."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated

import typer

from naq.cli.output import AsJson, Url, as_json, command, config_of, say, table
from naq.permissions import Role
from naq.permissions import permissions as permissions_of
from naq.setup import SetupOutcome
from naq.setup import setup as set_up


@command
async def setup(
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; exit 1 if something is missing or too low."),
    ] = False,
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Create the streams and buckets, and raise settings that are lower than configured."""
    differences = await set_up(config_of(url), check=check)
    if json_:
        as_json([dataclasses.asdict(each) for each in differences])
    elif differences:
        table(
            ("stream or bucket", "setting", "exists", "configured", ""),
            (
                (each.place, each.setting, each.exists, each.configured, each.outcome.value)
                for each in differences
            ),
        )
    else:
        say("all streams and buckets are as configured")
    if any(each.outcome in (SetupOutcome.MISSING, SetupOutcome.LESS) for each in differences):
        raise typer.Exit(1)


@command
async def permissions(
    role: Annotated[Role, typer.Argument(help="Who the permissions are for.")],
    json_: Annotated[bool, typer.Option("--json", help="Print them on one line.")] = False,
) -> None:
    """Print the permissions of a role, for the configuration of a nats-server."""
    if json_:
        as_json(permissions_of(role))
    else:
        sys.stdout.write(json.dumps(permissions_of(role), indent=2) + "\n")
