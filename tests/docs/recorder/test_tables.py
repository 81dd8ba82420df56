"""Tables of the record."""

from __future__ import annotations

import markdown

from recorder.tables import table


def rendered(text: str) -> str:
    return markdown.markdown(text, extensions=["tables", "attr_list"])


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
