"""Texts of the rules' messages: the connection and its fix."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes import Site


def named(site: Site) -> str:
    """The name of the connection in a message."""
    return f"`{site.handle}`" if site.handle else "the connection"


def cure(site: Site) -> str:
    """The context manager to use instead, in the vocabulary of the file."""
    if site.configured:
        manager = f"`async with {site.manager}(...)`"
        return manager if site.manager else "a context manager that closes it"
    if site.flavour == "nats-py":
        return _plain_cure(site)
    url = _written(site.url) if site.url is not None else ""
    buckets = [derived for derived in site.derived if derived.kind == "kv"]
    if len(buckets) == 1 and buckets[0].bucket is not None:
        bucket = _written(buckets[0].bucket)
        return _call("nats_kv_store", bucket, url)
    if any(derived.kind == "jetstream" for derived in site.derived):
        return _call("nats_jetstream", url)
    return _call("nats_connection", url)


def _plain_cure(site: Site) -> str:
    """A client is a context manager; one that comes in a tuple is entered after."""
    if site.returned:
        return f"`async with {site.handle or 'nc'}:`"
    return f"`async with await {site.opener or 'nats.connect'}(...)`"


def lines_of(sites: list[Site]) -> str:
    """Which lines open these connections."""
    lines = sorted(site.call.lineno for site in sites)
    shown = [str(line) for line in lines[:3]]
    return (
        f"the one on line {shown[0]}" if len(lines) == 1 else f"those on lines {', '.join(shown)}"
    )


def _call(function: str, *arguments: str) -> str:
    text = f"async with {function}({', '.join(filter(None, arguments))})"
    return f"`{text}`" if len(text) <= 80 and "\n" not in text else f"`async with {function}(...)`"


def _written(node: ast.expr) -> str:
    """The text of an argument; one that is nested too deep to be written is no help to anybody."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return "..."
