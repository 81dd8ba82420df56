"""Each row of the cheat sheet: the linter finds its rule in the old code and nothing in the new."""

from __future__ import annotations

import ast

import pytest

from flake8_naq.linter import lint
from flake8_naq.settings import Settings
from recorder.reference import cheats
from recorder.reference.rules import fix

rows = pytest.mark.parametrize("row", cheats.ROWS, ids=lambda row: f"{row.rule} {row.title}")


def rules_found(module: str) -> set[str]:
    return {found.code[4:] for found in lint(ast.parse(module), "example.py", Settings())}


@rows
def test_the_old_code_falls_under_the_rule_of_its_row(row: cheats.Row) -> None:
    assert row.rule in rules_found(row.module)


@rows
def test_nothing_is_found_in_the_new_code(row: cheats.Row) -> None:
    imports = row.imports if row.by_hand else ""
    assert rules_found(imports + row.new) == set()


@rows
def test_a_fix_is_as_safe_as_its_row_has_it(row: cheats.Row) -> None:
    changed = fix(row.module, unsafe=False) != row.module
    assert changed == (row.by == "safe") or row.by_hand


@rows
def test_the_table_has_the_row_with_its_rule(row: cheats.Row) -> None:
    shown = cheats.page()
    assert f'{row.title} <a href="../../rules/NAQ{row.rule}/">' in shown
