"""Rule 21's fix over several files: those who make an object of the class follow."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from flake8_naq.migrate.batch import candidates, fix_files
from flake8_naq.migrate.fixer import Options

CLASS = """\
from naq.connection import nats_kv_store


class Results:
    def __init__(self, nats_url: str = "nats://localhost:4222"):
        self.nats_url = nats_url

    async def get(self, key):
        async with nats_kv_store("results", self.nats_url) as kv:
            return await kv.get(key)
"""


def fixed(
    folder: Path, files: Mapping[str, str], unwritable: frozenset[str] = frozenset()
) -> tuple[dict[str, str], list[str]]:
    """The new texts by name, and what is reported."""
    for name, text in {"shop/__init__.py": "", "shop/results.py": CLASS, **files}.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    paths = [str(path) for path in sorted(folder.rglob("*.py"))]
    options = Options(unsafe=True, unwritable=unwritable)
    found, failures = candidates(paths, frozenset(), options)
    assert not failures
    outcomes = list(fix_files(found, options, 1, paths))
    texts = {Path(o.path).relative_to(folder).as_posix(): o.text for o in outcomes if o.changed}
    for text in texts.values():
        ast.parse(text)
    return texts, [str(r.message) for o in outcomes for r in o.reports if r.kind == "left"]


@pytest.mark.parametrize(
    ("imports", "call", "after"),
    [
        ("from shop.results import Results", "Results(nats_url=U)", "Results(config={})"),
        ("from shop.results import Results", "Results(U)", "Results({})"),
        ("from shop.results import Results as R", "R(nats_url=U)", "R(config={})"),
        ("from shop import results", "results.Results(nats_url=U)", "results.Results(config={})"),
        ("import shop.results", "shop.results.Results(U)", "shop.results.Results({})"),
        ("import shop.results as r", "r.Results(nats_url=U)", "r.Results(config={})"),
    ],
)
def test_a_file_that_only_calls_follows(
    tmp_path: Path, imports: str, call: str, after: str
) -> None:
    texts, left = fixed(tmp_path, {"app.py": f"{imports}\n\nU = 'nats://a'\nr = {call}\n"})
    assert left == []
    assert f"r = {after.format('Config(servers=(U,))')}\n" in texts["app.py"]
    assert "from naq.config import Config\n" in texts["app.py"]
    assert "def __init__(self, config: Config | None = None):" in texts["shop/results.py"]


def test_a_class_that_is_offered_again_under_another_name_is_followed(tmp_path: Path) -> None:
    files = {
        "shop/api.py": "from .results import Results as Store\n",
        "app.py": "from shop.api import Store\n\nr = Store('nats://a')\n",
    }
    texts, left = fixed(tmp_path, files)
    assert left == []
    assert "Store(Config(servers=('nats://a',)))" in texts["app.py"]


def test_a_relative_import_of_config_is_seen_from_each_caller(tmp_path: Path) -> None:
    files = {
        "shop/results.py": CLASS.replace("from naq.connection", "from .connection"),
        "shop/jobs/__init__.py": "",
        "shop/jobs/run.py": "from ..results import Results\n\nr = Results(nats_url='a')\n",
        "app.py": "from shop.results import Results\n\nr = Results(nats_url='a')\n",
    }
    texts, left = fixed(tmp_path, files)
    assert left == []
    assert "from ..config import Config\n" in texts["shop/jobs/run.py"]
    assert "from shop.config import Config\n" in texts["app.py"]


def test_another_class_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    files = {
        "other/results.py": "class Results:\n    def __init__(self, nats_url): ...\n",
        "app.py": "from other.results import Results\n\nr = Results(nats_url='a')\n",
    }
    texts, _ = fixed(tmp_path, files)
    assert "app.py" not in texts


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("r = module().Results(nats_url='a')\n", "`module().Results` may be the class"),
        ("from shop.results import *\nr = Results('a')\n", "gets the class from"),
        ("from shop.results import Results\nr = Results(*urls)\n", "arguments one by one"),
        ("from shop.results import Results\nr = Results(**given)\n", "arguments one by one"),
        ("from shop.results import Results\nmake = Results\n", "the class is handed on"),
        ("from shop.results import Results\nclass R(Results): ...\n", "is derived from it"),
        ("from shop.results import Results\nr = Results()\nr.nats_url\n", "`r.nats_url` is used"),
    ],
)
def test_a_caller_that_cannot_follow_leaves_the_class_as_it_is(
    tmp_path: Path, code: str, reason: str
) -> None:
    texts, (left,) = fixed(tmp_path, {"app.py": code})
    assert texts == {}
    assert reason in left
    assert "app.py, line" in left


def test_a_caller_that_must_not_be_written_leaves_the_class_as_it_is(tmp_path: Path) -> None:
    app = str(tmp_path / "app.py")
    code = "from shop.results import Results\n\nr = Results('a')\n"
    texts, (left,) = fixed(tmp_path, {"app.py": code}, unwritable=frozenset({app}))
    assert texts == {}
    assert left.startswith(f"{app} has changes that are not staged")
