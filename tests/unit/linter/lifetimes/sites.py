"""The connections that the analysis finds in a piece of code, and their verdicts."""

from __future__ import annotations

import ast
from textwrap import dedent

from flake8_naq.lifetimes import Site, analyse
from flake8_naq.settings import Settings

HEADER = """\
import asyncio
import contextlib
import nats
import pytest
from nats.aio.client import Client as NATS
"""


def sites_of(code: str, settings: Settings | None = None) -> list[Site]:
    """Every connection of a module that starts with the usual imports."""
    analysis = analyse(ast.parse(HEADER + dedent(code)), settings or Settings())
    assert not analysis.failures
    return analysis.sites


def site_of(code: str) -> Site:
    """The only connection of a module."""
    (site,) = sites_of(code)
    return site


def manual_of(code: str) -> list[Site]:
    """The connections that are managed by hand."""
    return [site for site in sites_of(code) if site.manual]


def assert_no_leak(code: str) -> None:
    """The connections are managed by hand, and closed on every path."""
    manual = manual_of(code)
    assert manual
    assert [site.leaks for site in manual] == [[] for _ in manual]


def assert_leak(how: str, code: str) -> None:
    """The first connection leaks; its first leak is of this kind."""
    assert manual_of(code)[0].leaks[0].how == how


def assert_owned(code: str) -> None:
    """Something other than the function closes the connections."""
    sites = sites_of(code)
    assert sites
    assert [site.owned for site in sites] == [True] * len(sites)
    assert [site.closing for site in sites] == ["elsewhere"] * len(sites)


def assert_managed(code: str) -> None:
    """A context manager closes the connection."""
    assert [site.managed for site in sites_of(code)] == [True]
