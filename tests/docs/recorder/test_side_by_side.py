"""Two states of a module beside each other."""

from __future__ import annotations

import re

from recorder.side_by_side import table


def bodies(before: str, after: str) -> list[tuple[bool, list[tuple[str, str]]]]:
    """Each stretch of the table: whether it is marked, and its rows as plain text."""
    html = table(before, after, ("before", "after"))
    return [
        (bool(mark), [_texts(row) for row in re.findall("<tr>(.*?)</tr>", body, re.DOTALL)])
        for mark, body in re.findall("<tbody( class=.changed.)?>(.*?)</tbody>", html, re.DOTALL)
    ]


def _texts(row: str) -> tuple[str, str]:
    left, right = re.findall('<td class="(?:before|after)[^>]*>(.*?)</td>', row, re.DOTALL)
    return re.sub("<[^>]+>", "", left), re.sub("<[^>]+>", "", right)


def test_a_removed_line_has_nothing_beside_it() -> None:
    assert bodies("a\nb\nc\n", "a\nc\n") == [
        (False, [("a", "a")]),
        (True, [("b", "")]),
        (False, [("c", "c")]),
    ]


def test_a_shorter_replacement_is_filled_up() -> None:
    assert bodies("a\nb\n", "c\n") == [(True, [("a", "c"), ("b", "")])]


def test_equal_modules_are_one_unmarked_stretch() -> None:
    assert bodies("a\nb\n", "a\nb\n") == [(False, [("a", "a"), ("b", "b")])]


def test_code_stays_text() -> None:
    assert "<script>" not in table('x = "<script>"\n', "", ("before", "after"))


def test_a_string_over_two_lines_is_highlighted_on_both() -> None:
    html = table('"""one\ntwo"""\n', '"""one\ntwo"""\n', ("before", "after"))
    for line in re.findall("<code>(.*?)</code>", html):
        assert line.count("<span") == line.count("</span>") == 1
