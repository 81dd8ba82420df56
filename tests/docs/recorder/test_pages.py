"""What a phase's page takes from the sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.pages import added_lines
from recorder.source import functions, source_of

MODULE = """\
class Results:
    def get(self):
        return 1

    @staticmethod
    def put():
        def inner():
            return 2

        return inner


def get():
    return 3
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "module.py"
    file.write_text(MODULE, encoding="utf-8")
    return file


def test_a_method_is_shown_as_if_it_stood_alone(module: Path) -> None:
    assert source_of(module, "Results.get") == "def get(self):\n    return 1"


def test_a_function_is_not_mistaken_for_a_method_of_its_name(module: Path) -> None:
    assert source_of(module, "get") == "def get():\n    return 3"


def test_decorators_belong_to_it(module: Path) -> None:
    assert source_of(module, "Results.put").startswith("@staticmethod\ndef put():")


def test_a_place_that_is_gone_is_an_error(module: Path) -> None:
    with pytest.raises(LookupError, match=r"module\.py has no Results\.delete"):
        source_of(module, "Results.delete")


def test_the_functions_that_open_a_connection_are_named_with_their_class(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "class Results:\n"
        "    async def get(self):\n"
        "        async with nats_kv_store('results', self.config) as kv:\n"
        "            pass\n"
        "    async def name(self):\n"
        "        return 'results'\n"
        "async def ping(url):\n"
        "    nc = await get_nats_connection(url)\n"
    )
    assert functions(file) == ["Results.get", "ping"]


def test_the_lines_that_a_diff_adds_have_their_numbers_in_the_new_file() -> None:
    diff = "--- a.py\n+++ a.py\n@@ -1,2 +1,3 @@\n one\n-two\n+2\n+3\n@@ -9 +10,2 @@\n nine\n+ten\n"
    assert added_lines(diff) == {"a.py": {2, 3, 11}}
