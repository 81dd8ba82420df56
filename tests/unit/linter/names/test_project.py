"""Imports lead to the file of the project that defines what they name, by the file's path alone."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from flake8_naq.names.files import Disk
from flake8_naq.names.project import Project, ProjectView

OPENERS = frozenset({"connect"})
BUS = """
import nats

async def open_bus(url):
    return await nats.connect(url)

class Bus:
    async def open(self):
        return await nats.connect("here")

bus = Bus()
open_it = open_bus
LIMIT = 3
"""


def project(root: Path, files: dict[str, str]) -> Project:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return Project(Disk(), OPENERS)


def found(root: Path, files: dict[str, str], importer: str, origin: str) -> str | None:
    """Where a name leads to: the file below the root and the name in it."""
    place = ProjectView(project(root, files), str(root / importer)).locate(origin)
    if place is None:
        return None
    return f"{Path(place.source.path).relative_to(root)}:{place.qualname}"


ROUTES = {
    "relative": ({"app/__init__.py": "", "app/bus.py": BUS}, "app/jobs.py", ".bus.open_bus"),
    "relative to the parent": (
        {"app/__init__.py": "", "app/bus.py": BUS, "app/jobs/__init__.py": ""},
        "app/jobs/mail.py",
        "..bus.open_bus",
    ),
    "absolute": ({"app/__init__.py": "", "app/bus.py": BUS}, "app/jobs.py", "app.bus.open_bus"),
    "in src": (
        {"setup.cfg": "", "src/app/__init__.py": "", "src/app/bus.py": BUS},
        "tests/test_jobs.py",
        "app.bus.open_bus",
    ),
    "from inside src": (
        {"src/app/__init__.py": "", "src/app/bus.py": BUS},
        "src/app/jobs.py",
        "app.bus.open_bus",
    ),
    "namespace package": ({"setup.cfg": "", "app/bus.py": BUS}, "jobs/mail.py", "app.bus.open_bus"),
    "beside a script": ({"bus.py": BUS}, "main.py", "bus.open_bus"),
    "beside a script in a package": (
        {"setup.cfg": "", "app/__init__.py": "", "app/utils/bus.py": BUS},
        "app/main.py",
        "utils.bus.open_bus",
    ),
    "re-exported": (
        {
            "app/__init__.py": "from .bus import (  # the door\n    open_bus,\n)\n",
            "app/bus.py": BUS,
        },
        "app/jobs.py",
        "app.open_bus",
    ),
    "re-exported under another name": (
        {"app/__init__.py": "from .bus import open_bus as connect_bus", "app/bus.py": BUS},
        "app/jobs.py",
        "app.connect_bus",
    ),
    "starred": (
        {"app/__init__.py": "from .bus import *", "app/bus.py": BUS},
        "app/jobs.py",
        "app.open_bus",
    ),
    "alias": ({"bus.py": BUS}, "main.py", "bus.open_it"),
}


@pytest.mark.parametrize(("files", "importer", "origin"), ROUTES.values(), ids=ROUTES)
def test_an_import_leads_to_the_function(
    tmp_path: Path, files: dict[str, str], importer: str, origin: str
) -> None:
    where = found(tmp_path, files, importer, origin)
    assert where is not None
    assert where.endswith("bus.py:open_bus")


def test_an_instance_has_the_methods_of_its_class(tmp_path: Path) -> None:
    assert found(tmp_path, {"bus.py": BUS}, "main.py", "bus.bus.open") == "bus.py:Bus.open"


@pytest.mark.parametrize(
    "origin",
    ["json.dumps", "nats.connect", "nats.NATS", "bus.nothing", "elsewhere.open_bus", "bus.bus"],
)
def test_what_the_project_does_not_define_leads_nowhere(tmp_path: Path, origin: str) -> None:
    files = {"bus.py": BUS, "nats.py": BUS, "json.py": BUS}
    assert found(tmp_path, files, "main.py", origin) is None


def test_a_circle_of_re_exports_leads_nowhere(tmp_path: Path) -> None:
    files = {"a.py": "from b import open_bus", "b.py": "from a import open_bus"}
    assert found(tmp_path, files, "main.py", "a.open_bus") is None


def test_nothing_outside_the_repository_is_looked_at(tmp_path: Path) -> None:
    files = {"shop/.git/HEAD": "", "bus.py": BUS}
    assert found(tmp_path, files, "shop/main.py", "bus.open_bus") is None


def test_the_nearest_of_two_modules_wins(tmp_path: Path) -> None:
    files = {".git/HEAD": "", "shared/bus.py": BUS, "service/shared/bus.py": BUS}
    where = found(tmp_path, files, "service/main.py", "shared.bus.open_bus")
    assert where == "service/shared/bus.py:open_bus"


def test_a_working_folder_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"setup.cfg": "", "app/bus.py": BUS, "jobs/mail.py": ""}
    monkeypatch.chdir(project(tmp_path, files) and tmp_path / "jobs")
    assert found(tmp_path, files, "jobs/mail.py", "app.bus.open_bus") == "app/bus.py:open_bus"


REACHING = {
    "a function": "from bus import open_bus",
    "a module": "import bus\nasync def f():\n    await bus.open_bus(1)",
    "an instance": "from bus import bus\nasync def f():\n    await bus.open()",
    "a class": "from bus import Bus",
    "a wrapper": "from wrap import open_wrapped",
    "a star": "from bus import *\nasync def f():\n    await open_bus(1)",
    "a base class": "from wrap import Sub",
}
WRAP = """
from bus import Bus, open_bus

async def open_wrapped():
    bus = await open_bus("there")
    return bus

class Sub(Bus):
    pass
"""


@pytest.mark.parametrize("text", REACHING.values(), ids=REACHING)
def test_a_file_reaches_nats_by_what_it_imports(tmp_path: Path, text: str) -> None:
    files = {"bus.py": BUS, "wrap.py": WRAP}
    assert ProjectView(project(tmp_path, files), str(tmp_path / "main.py")).reaches_nats(text)


NOT_REACHING = {
    "a constant": "from bus import LIMIT",
    "a module without a call": "import bus",
    "a library": "from asyncio import run\nimport redis",
    "another connect": "from db import connect_db",
}


@pytest.mark.parametrize("text", NOT_REACHING.values(), ids=NOT_REACHING)
def test_a_file_that_calls_no_opener_does_not_reach_nats(tmp_path: Path, text: str) -> None:
    database = "import sqlite3\ndef connect_db():\n    return sqlite3.connect('x')\n"
    around = ProjectView(
        project(tmp_path, {"bus.py": BUS, "db.py": database}), str(tmp_path / "main.py")
    )
    assert not around.reaches_nats(text)


def test_wrappers_that_call_one_another_end(tmp_path: Path) -> None:
    files = {
        "a.py": "from b import g\ndef f():\n    return g()\n",
        "b.py": "from a import f\ndef g():\n    return f()\n",
    }
    around = ProjectView(project(tmp_path, files), str(tmp_path / "main.py"))
    assert not around.reaches_nats("from a import f")


def test_star_imports_in_a_circle_end(tmp_path: Path) -> None:
    modules = [f"m{number}" for number in range(12)]
    stars = "".join(f"from app.{module} import *\n" for module in modules)
    files = {"app/__init__.py": stars, "setup.cfg": ""}
    files |= {f"app/{module}.py": f"from app import *\n{stars}" for module in modules}
    assert found(tmp_path, files, "main.py", "app.models.fields.Field") is None
