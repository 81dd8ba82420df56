"""Replacements of pieces of lines in one file."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flake8_naq.files.source_text import Source
from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.needed import Import


@dataclass(frozen=True, slots=True)
class Patch:
    """One piece of one line that is replaced. Columns count characters."""

    line: int
    start: int
    end: int
    text: str


@dataclass(slots=True)
class Patches:
    """The edits of one file.

    Attributes:
        source: The file as it is.
        patches: The pieces to replace.
        imports: The names that they need.
        dropped: Constants that go, as `constants` names them.
        added: Constants that come.
    """

    source: Source
    patches: list[Patch] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    def replace(
        self, node: ast.expr | ast.arg, text: str, *, until: ast.expr | None = None
    ) -> None:
        """Put text in the place of a node, or of all up to the end of another.

        Raises:
            RefusedError: It does not stand on one line.
        """
        last = until if until is not None else node
        if node.lineno != last.end_lineno:
            raise RefusedError(Line(node.lineno), " goes on over several lines")
        start = self.source.column(node.lineno, node.col_offset)
        end = self.source.column(node.lineno, last.end_col_offset or 0)
        self.patches.append(Patch(node.lineno, start, end, text))

    def apply(self) -> str:
        """The new text, imports not yet mended."""
        lines = list(self.source.lines)
        for patch in sorted(
            self.patches, key=lambda patch: (patch.line, patch.start), reverse=True
        ):
            line = lines[patch.line - 1]
            lines[patch.line - 1] = line[: patch.start] + patch.text + line[patch.end :]
        return "".join(lines)
