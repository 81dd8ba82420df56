"""Pieces of Markdown of the made pages."""

from __future__ import annotations

import markdown
import pytest

from recorder.markdown import cell_text, table


def rendered(text: str) -> str:
    return markdown.markdown(text, extensions=["tables", "attr_list"])


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("take `Config | None` | or not", "take `Config | None` \\| or not"),
        ("a | b", "a \\| b"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_bar_is_marked_outside_of_code_alone(text: str, cell: str) -> None:
    assert cell_text(text) == cell


def test_each_cell_knows_its_heading() -> None:
    html = rendered(table(["Code", "[02](b.md) JetStream"], [["a", "b"]]))
    assert '<td data-label="Code">a</td>' in html
    assert '<td data-label="02 JetStream">b</td>' in html


def test_a_bar_in_code_is_shown_as_it_is() -> None:
    assert "<code>Config | None</code>" in rendered(table(["A"], [["`Config | None`"]]))


def test_a_bar_in_prose_does_not_end_the_cell() -> None:
    assert ">a | b</td>" in rendered(table(["A"], [["a | b"]]))


def test_numbers_are_set_to_the_right() -> None:
    html = rendered(table(["A", "B"], [["a", "1"]], numbers=1))
    assert html.count("text-align: right") == 2


def test_an_empty_cell_stays_empty() -> None:
    assert "<td></td>" in rendered(table(["A", "B"], [["", "b"]]))


def test_a_table_has_a_line_for_each_row() -> None:
    assert table(["A", ""], [["1", "2"]]).splitlines() == [
        "| A |  |",
        "| --- | --- |",
        '| 1 { data-label="A" } | 2 |',
    ]
