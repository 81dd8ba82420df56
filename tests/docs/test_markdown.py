"""Text in the cells of a made table."""

from __future__ import annotations

import pytest

from recorder.reference.markdown import cell_text, table


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


def test_a_table_has_a_line_for_each_row() -> None:
    assert table(["A", "B"], [["1", "2"]]) == "| A | B |\n| --- | --- |\n| 1 | 2 |\n"
