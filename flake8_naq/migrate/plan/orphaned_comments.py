"""Comments that stay in the file although the statement that they describe goes."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from flake8_naq.files.source_text import Source
from flake8_naq.message import Line, Message
from flake8_naq.migrate.tree import last_line


def orphaned_comments(source: Source, removed: Iterable[ast.stmt]) -> list[Message]:
    """A note for each comment on the lines of a removed statement, or right above it."""
    lines: set[int] = set()
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


def _holds_a_comment_alone(source: Source, number: int) -> bool:
    found = source.comments.get(number)
    return found is not None and not source.lines[number - 1][: found[0]].strip()
