"""The dashboard in the applications of its how-to page, behind their logins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from naq.server import NatsServer
from recorder.phases import ROOT

WEB = ROOT / "docs" / "naq" / "how-to" / "web"

PROGRAM = """
import asyncio, json, sys
import httpx2
from {module} import app
from naq import close_all_connections

async def main():
    transport = httpx2.ASGITransport(app)
    found = []
    for headers in json.loads(sys.argv[1]):
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://app", headers=headers
        ) as client:
            page = await client.get("/jobs/")
            overview = await client.get("/jobs/api/overview")
            pause = await client.post("/jobs/api/queues/pause", json={{"name": "default"}})
            found.append([page.status_code, overview.status_code, pause.status_code])
    await close_all_connections()
    return found

print(json.dumps(asyncio.run(main())))
"""

PASSES = [200, 200, 200]


def answers(module: str, server: NatsServer, *headers: dict[str, str]) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(module=module), json.dumps(headers)],
        cwd=WEB,
        env={**os.environ, "NAQ_SERVERS": server.url, "PYTHONPATH": str(WEB)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_dashboard_stands_behind_the_login_of_a_fastapi_application(
    nats_server: NatsServer,
) -> None:
    found = answers(
        "dashboard_fastapi",
        nats_server,
        {},
        {"Authorization": "Basic YW5uOndyb25n"},
        {"Authorization": "Basic Ym9iOg=="},
        {"Authorization": "Basic ?"},
        {"Authorization": "Basic YW5uOmNvcnJlY3QgaG9yc2U="},
    )
    assert found == [*[[401] * 3] * 4, PASSES]


def test_the_dashboard_stands_behind_the_login_of_a_starlette_application(
    nats_server: NatsServer,
) -> None:
    found = answers(
        "dashboard_starlette",
        nats_server,
        {},
        {"Cookie": "session=0th3r"},
        {"Cookie": "session=s3cr3t"},
    )
    assert found == [[307] * 3, [403] * 3, PASSES]


@pytest.mark.parametrize("module", ["dashboard_fastapi", "dashboard_starlette"])
def test_the_example_passes_a_strict_type_checker(module: str) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"{module}.py"]
    done = subprocess.run(command, cwd=WEB, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout
