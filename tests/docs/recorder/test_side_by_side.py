"""Two states of a module beside each other."""

from __future__ import annotations

import re

from recorder.side_by_side import table


def bodies(before: str, after: str) -> list[tuple[bool, list[tuple[str, str]]]]:
    """Each stretch of the table: whether it is marked, and its rows as plain text."""
    html = table(before, after, ("before", "after"))
    return [
        ("changed" in mark, [_texts(row) for row in re.findall("<tr>(.*?)</tr>", body, re.DOTALL)])
        for mark, body in re.findall("<tbody(.*?)>(.*?)</tbody>", html, re.DOTALL)
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


def marked(before: str, after: str) -> list[str]:
    """The marked words of both sides, in the order of the page."""
    html = table(before, after, ("before", "after"))
    return [re.sub("<[^>]+>", "", mark) for mark in re.findall("<mark>(.*?)</mark>", html)]


def test_the_words_that_changed_in_a_line_are_marked() -> None:
    before, after = "kv = store(self.nats_url, 5)\n", "kv = store(self.config, 5)\n"
    assert marked(before, after) == ["nats_url", "config"]


def test_a_mark_may_begin_inside_of_a_string() -> None:
    assert marked('x = f("a long name")\n', 'x = f("a short name")\n') == ["long", "short"]


def test_lines_that_have_little_in_common_have_no_marks() -> None:
    assert marked("nc = await connect(url)\n", "return None\n") == []


def test_a_line_that_is_only_re_indented_is_no_change() -> None:
    html = table("a\nb\n", "if c:\n    a\n    b\n", ("before", "after"))
    assert html.count('<tbody class="space">') == 1
    assert bodies("a\n", "    a\n") == [(False, [("a", "    a")])]


def test_a_switch_for_whitespace_is_there_where_lines_were_re_indented() -> None:
    assert "Show changes of whitespace" in table("a\n", "  a\n", ("before", "after"))
    assert "Show changes of whitespace" not in table("a\n", "b\n", ("before", "after"))


def test_a_line_by_an_unsafe_fix_is_marked_as_such() -> None:
    html = table("a\nb\n", "a\nc\n", ("before", "after"), unsafe={2})
    assert html.count('title="by an unsafe fix"') == 1
