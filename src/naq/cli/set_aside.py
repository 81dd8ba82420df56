"""``naq set-aside``."""

from __future__ import annotations

from typing import Annotated

import typer

from naq.cli.groups import group
from naq.cli.output import AsJson, Url, ago, as_json, command, config_of, fail, say, table
from naq.plural import counted
from naq.set_aside import SetAside

set_aside = group("Messages that no worker could read: list, show, put back, delete.")

Keys = Annotated[list[str] | None, typer.Argument(help="Keys of messages.")]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]


@set_aside.command("list")
@command
async def set_aside_list(url: Url = None, json_: AsJson = False) -> None:
    """List the messages that no worker could read, the oldest first."""
    listed = await SetAside(config_of(url)).list()
    if json_:
        as_json([each.describe() for each in listed])
        return
    table(
        ("key", "subject", "bytes", "set aside", "reason"),
        ((e.key, e.subject, e.size, ago(e.set_aside_at), e.reason) for e in listed),
        empty="no message is set aside",
    )


@set_aside.command("show")
@command
async def set_aside_show(
    key: Annotated[str, typer.Argument(help="Key of a message.")],
    url: Url = None,
    json_: AsJson = False,
) -> None:
    """Show why a message was set aside, and its payload; nothing in it is unpickled."""
    about, data = await SetAside(config_of(url)).get(key)
    shown = {**about.describe(), "data": repr(data)}
    as_json(shown) if json_ else table(("", ""), shown.items())


@set_aside.command("put-back")
@command
async def set_aside_put_back(
    keys: Keys = None, every: Every = False, url: Url = None, json_: AsJson = False
) -> None:
    """Put messages back into their queues, for workers that can read them."""
    aside = SetAside(config_of(url))
    chosen = await _chosen(aside, keys, every)
    for key in chosen:
        await aside.put_back(key)
    as_json({"put_back": len(chosen)}) if json_ else say(
        f"{counted(len(chosen), 'message')} put back"
    )


@set_aside.command("delete")
@command
async def set_aside_delete(
    keys: Keys = None, every: Every = False, url: Url = None, json_: AsJson = False
) -> None:
    """Delete messages for good."""
    aside = SetAside(config_of(url))
    chosen = await _chosen(aside, keys, every)
    for key in chosen:
        await aside.delete(key)
    as_json({"deleted": len(chosen)}) if json_ else say(
        f"{counted(len(chosen), 'message')} deleted"
    )


async def _chosen(aside: SetAside, keys: list[str] | None, every: bool) -> list[str]:
    if every == bool(keys):
        fail("give keys of messages, or --all")
    return [each.key for each in await aside.list()] if every else list(keys or ())
