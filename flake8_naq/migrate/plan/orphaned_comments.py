"""Comments that stay in the file although the statement that they describe goes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flake8_naq.files.source_text import Source
from flake8_naq.message import Line, Message
from flake8_naq.migrate.tree import last_line


def orphaned_comments(
    source: Source, removed: Iterable[ast.stmt], guard: ast.Try | None
) -> list[Message]:
    """A note for each comment on the lines of a removed statement, or right above it.

    Args:
        source: The module.
        removed: The statements that the rewrite removes.
        guard: The ``try`` whose ``finally`` closes.
    """
    removed = list(removed)
    lines = set(_of_the_finally(source, guard, removed)) if guard is not None else set()
    for statement in removed:
        within = range(statement.lineno, last_line(statement) + 1)
        lines.update(number for number in within if number in source.comments)
        above = statement.lineno - 1
        while _holds_a_comment_alone(source, above):
            lines.add(above)
            above -= 1
    return [
        Message("the comment on ", Line(number), " stays, the statement that it describes is gone")
        for number in sorted(lines)
    ]


def _of_the_finally(source: Source, guard: ast.Try, removed: list[ast.stmt]) -> Iterator[int]:
    """The comments of a ``finally`` that goes as a whole, and of a ``try`` that goes with it."""
    if not all(statement in removed for statement in guard.finalbody):
        return
    if not guard.handlers and guard.lineno in source.comments:
        yield guard.lineno
    above = last_line([*guard.body, *guard.handlers, *guard.orelse][-1])
    last = last_line(guard.finalbody[-1])
    outer = source.indentation(guard.lineno)
    while _holds_a_comment_alone(source, last + 1) and source.indentation(last + 1) != outer:
        last += 1
    for number in range(above + 1, last + 1):
        inside = source.indentation(number) != outer
        of_the_body = _holds_a_comment_alone(source, number) and inside
        if number in source.comments and (number >= _line(source, guard) or not of_the_body):
            yield number


def _line(source: Source, guard: ast.Try) -> int:
    """The line of the ``finally`` itself: the last one with that word before its body."""
    number = guard.finalbody[0].lineno
    while number > guard.lineno and not source.lines[number - 1].lstrip().startswith("finally"):
        number -= 1
    return number


def _holds_a_comment_alone(source: Source, number: int) -> bool:
    found = source.comments.get(number)
    return found is not None and not source.lines[number - 1][: found[0]].strip()
