"""The picture of the packages."""

from __future__ import annotations

import re
from graphlib import CycleError

import pytest

from recorder import architecture

IMPORTS = {"p.a": {"p.b", "p.c"}, "p.b": {"p.c"}, "p.c": set[str](), "p.d": set[str]()}


def test_a_module_stands_below_all_that_import_it() -> None:
    assert architecture.layers(IMPORTS) == [["p.a"], ["p.b"], ["p.c", "p.d"]]


def test_a_circle_has_no_layers() -> None:
    with pytest.raises(CycleError):
        architecture.layers({"p.a": {"p.b"}, "p.b": {"p.a"}})


def test_an_import_that_closes_a_circle_is_left_out() -> None:
    kept = architecture.without_circles({"p.a": {"p.b"}, "p.b": {"p.a"}})
    assert sorted(map(len, kept.values())) == [0, 1]


@pytest.mark.parametrize("package", ["flake8_naq", "naq"])
def test_the_picture_holds_every_module_once(package: str) -> None:
    names = re.findall(r"<text [^>]+>(\w+)</text>", architecture.draw(package))
    assert sorted(names) == sorted(room.partition(".")[2] for room in architecture.rooms(package))


@pytest.mark.parametrize("package", ["flake8_naq", "naq"])
def test_the_picture_asks_no_other_host(package: str) -> None:
    assert "http" not in architecture.draw(package)
