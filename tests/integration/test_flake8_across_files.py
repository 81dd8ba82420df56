"""A file gets the same findings about helpers in other files, however flake8 is given it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "setup.cfg": "",
    "shop/__init__.py": "from shop.bus import open_bus\n",
    "shop/bus.py": "import nats\n\n\nasync def open_bus(url):\n    return await nats.connect(url)\n",
    "shop/jobs/__init__.py": "",
    "shop/jobs/mail.py": """\
from ..bus import open_bus


async def send(url, text):
    bus = await open_bus(url)
    await bus.publish("mail", text)
""",
    "shop/jobs/post.py": """\
import shop


async def send(url, text):
    bus = await shop.open_bus(url)
    await bus.publish("post", text)
""",
}
MAIL = ["5 NAQ301", "5 NAQ311"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def flake8(cwd: Path, *arguments: str, stdin: str | None = None) -> list[str]:
    """Line and code of what flake8 finds in the file `mail.py`."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "flake8", "--isolated", "--select=NAQ"),
            *("--format=%(path)s %(row)d %(code)s", *arguments),
        ],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    lines = (line.split(" ") for line in done.stdout.splitlines())
    return sorted(f"{row} {code}" for path, row, code in lines if path.endswith("mail.py"))


@pytest.mark.parametrize(
    ("folder", "arguments"),
    [
        (".", ["shop/jobs/mail.py"]),
        (".", ["."]),
        (".", ["--jobs=1", "."]),
        (".", ["--jobs=8", "."]),
        (".", ["shop/jobs/post.py", "shop/jobs/mail.py"]),
        ("shop/jobs", ["mail.py"]),
        ("shop", ["jobs"]),
    ],
)
def test_a_file_gets_the_same_findings(project: Path, folder: str, arguments: list[str]) -> None:
    assert flake8(project / folder, *arguments) == MAIL


@pytest.mark.parametrize(
    ("folder", "name"),
    [(".", "shop/jobs/mail.py"), ("shop", "jobs/mail.py"), ("shop/jobs", "mail.py")],
)
def test_standard_input_has_the_place_of_its_name(project: Path, folder: str, name: str) -> None:
    text = FILES["shop/jobs/mail.py"]
    assert flake8(project / folder, f"--stdin-display-name={name}", "-", stdin=text) == MAIL


def test_the_inventory_lists_the_callers_of_each_opener(project: Path) -> None:
    done = subprocess.run(
        ["naq-migrate", "inventory", "--format", "json", "."],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    (factory,) = json.loads(done.stdout)["factories"]
    assert factory["name"] == "shop.bus.open_bus"
    assert [(one["path"], one["line"], one["closing"]) for one in factory["callers"]] == [
        ("shop/jobs/mail.py", 5, "never"),
        ("shop/jobs/post.py", 5, "never"),
    ]
