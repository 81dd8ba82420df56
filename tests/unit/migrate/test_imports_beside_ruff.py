"""Sorted imports stay as ruff's isort would leave them, whatever stands among them."""

import subprocess
import sysconfig
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flake8_naq.files.documents import document
from flake8_naq.migrate.batch import fix_document
from flake8_naq.migrate.fixer import Options

BODY = """


class Store:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def delete(self, key):
        nc = await get_nats_connection(self.nats_url)
        try:
            js = await get_jetstream_context(nc)
            kv = await js.key_value("bucket")
            await kv.delete(key)
        finally:
            await close_nats_connection(nc)


async def ping(url):
    nc = await get_nats_connection(url)
    try:
        await nc.flush()
    finally:
        await close_nats_connection(nc)


print(USED)
"""
OTHERS = [
    "from __future__ import annotations",
    "import asyncio",
    "import json as encoded",
    "import nats",
    "import zlib",
    "from nats.js import api",
    "from naq import zeta",
    "from naq.exceptions import NaqError",
    "from naq.models import Job",
    "from typing import Any",
    "from ..up import Thing",
    "from .jobs import Work",
]
HELPERS = ["close_nats_connection", "get_jetstream_context", "get_nats_connection"]
MODULES = ["naq.connection", "naq.connection.utils", ".connection", "..connection", "naq", "."]
NAMES = ["MAX_SIZE", "N", "Pool", "_private", "alpha", "nats_is_up", "naqly", "zone"]


def sorted_by_ruff(text: str) -> str:
    ruff = str(Path(sysconfig.get_path("scripts")) / "ruff")
    command = [ruff, "check", "--isolated", "--select", "I", "--fix", "-q"]
    known = ["--config", "lint.isort.known-first-party=['naq']"]
    done = subprocess.run(
        [*command, *known, "--stdin-filename", "pkg/sub/module.py", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    others=st.lists(st.sampled_from(OTHERS), unique=True, max_size=6),
    module=st.sampled_from(MODULES),
    names=st.lists(st.sampled_from(NAMES), unique=True, max_size=5),
    unsafe=st.booleans(),
)
def test_what_ruff_has_sorted_it_would_sort_no_other_way(
    others: list[str], module: str, names: list[str], unsafe: bool
) -> None:
    imports = [*others, f"from {module} import {', '.join([*HELPERS, *names])}"]
    used = [*names, *(line.split()[-1] for line in others if "__future__" not in line)]
    text = sorted_by_ruff("\n".join(imports) + BODY.replace("USED", ", ".join(used)))
    outcome = fix_document(document("pkg/sub/module.py", text.encode()), Options(unsafe=unsafe))
    assert len(outcome.rewritten) >= 2
    assert sorted_by_ruff(outcome.text) == outcome.text
