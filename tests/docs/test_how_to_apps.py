"""The applications of the how-to pages, with a real worker beside them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from naq.cli.main import app
from naq.server import NatsServer
from recorder.phases import ROOT

NAQ = ROOT / "docs" / "naq"

FASTAPI = """
import asyncio, json
import httpx2
from fastapi_app import app

async def main():
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://app") as client:
        made = await client.post("/mails", params={"to": "a@b.c", "subject": "Hi"})
        page = f"/mails/{made.json()['job']}"
        waiting = await client.get(page)
        await asyncio.to_thread(work)
        done = await client.get(page)
        missing = await client.get("/mails/unknown")
    return [made.status_code, waiting.json(), done.json(), missing.status_code]

print(json.dumps(asyncio.run(main())))
"""

FLASK = """
import json
from flask_app import app

client = app.test_client()
made = client.post("/mails", data={"to": "a@b.c", "subject": "Hi"})
page = f"/mails/{made.json['job']}"
waiting = client.get(page)
work()
done = client.get(page)
missing = client.get("/mails/unknown")
print(json.dumps([made.status_code, waiting.json, done.json, missing.status_code]))
"""

DJANGO = """
import json
import django
from django.conf import settings
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    ROOT_URLCONF=__name__,
)
django.setup()

import django_views
from django.test import Client

urlpatterns = [
    path("mails", django_views.create_mail),
    path("mails/<str:job_id>", django_views.read_mail),
]
client = Client()
made = client.post("/mails", {"order": "7", "to": "a@b.c", "subject": "Hi"})
page = f"/mails/{made.json()['job']}"
waiting = client.get(page)
work()
done = client.get(page)
missing = client.get("/mails/unknown")
print(json.dumps([made.status_code, waiting.json(), done.json(), missing.status_code]))
"""

WORK = """
import subprocess
def work():
    subprocess.run(["naq", "worker", "tasks", "--burst"], check=True)
"""


def environment(server: NatsServer) -> dict[str, str]:
    return {**os.environ, "NAQ_SERVERS": server.url}


@pytest.mark.parametrize(
    ("folder", "program"), [("web", FASTAPI), ("web_sync", FLASK), ("web_sync", DJANGO)]
)
def test_an_application_enqueues_and_shows_status_and_result(
    nats_server: NatsServer, folder: str, program: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORK + program],
        cwd=NAQ / "how-to" / folder,
        env=environment(nats_server),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [
        202,
        {"status": "queued"},
        {"status": "completed", "sent": "Hi to a@b.c"},
        404,
    ]


@pytest.mark.parametrize("folder", ["shop", "shop_sync"])
def test_a_task_that_has_moved_runs(nats_server: NatsServer, folder: str) -> None:
    place = NAQ / "moving" / folder
    worker = subprocess.Popen(["naq", "worker", "tasks"], cwd=place, env=environment(nats_server))
    try:
        done = subprocess.run(
            [sys.executable, "enqueue.py"],
            cwd=place,
            env=environment(nats_server),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    finally:
        worker.terminate()
        worker.wait(30)
    assert (done.stdout, done.stderr) == ("order 7: 1999 cents\n", "")


@pytest.mark.parametrize(
    "file",
    [
        "how-to/web/fastapi_app.py",
        "how-to/web_sync/flask_app.py",  # Django has no types of its own
        "moving/shop/enqueue.py",
        "moving/shop_sync/enqueue.py",
    ],
)
def test_the_files_of_a_page_pass_a_strict_type_checker(file: str, tmp_path: Path) -> None:
    place = NAQ / file
    options = ["--strict", "--config-file=", "--cache-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, place.name],
        cwd=place.parent,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout


def commands() -> list[str]:
    """The command lines of naq in the tables of who moves, and in the services of the deployment."""
    compose = yaml.safe_load((NAQ / "how-to" / "deploy" / "compose.yaml").read_text("utf-8"))
    services = [" ".join(service["command"]) for service in compose["services"].values()]
    pages = "".join(path.read_text("utf-8") for path in sorted((NAQ / "moving").glob("*.md")))
    shown = re.findall(r"\| `[^|]*\| .*", pages)
    ours = [line.split(" | ", 1)[1] for line in shown if " | " in line]
    return sorted(
        {
            line
            for line in [*services, *re.findall(r"`(naq [^`]*)`", "\n".join(ours))]
            if line.startswith("naq ")
        }
    )


@pytest.mark.parametrize("command", commands())
def test_a_command_line_has_a_verb_and_options_that_naq_has(command: str) -> None:
    words = command.split()[1:]
    found = get_command(app)
    while isinstance(found, TyperGroup):
        found = found.commands[words.pop(0)]
    known = {name for parameter in found.params for name in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known
