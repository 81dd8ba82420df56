"""Writes import statements: one that gains or loses names, and new ones in their place."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from flake8_naq.files.source_text import Source
from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.write.import_names import (
    ImportStatement,
    import_key,
    insert_sorted,
    local_name,
    module_of,
)

LINE_LENGTH = 88


@dataclass
class ImportChange:
    """The changes of one import statement.

    Attributes:
        statement: The statement.
        block: The statements among which it stands.
        gains: Names that it imports from now on.
        losses: Local names that it no longer imports.
        neighbours: Whether a new statement comes beside it.
    """

    statement: ImportStatement
    block: list[ast.stmt]
    gains: list[str] = field(default_factory=list)
    losses: set[str] = field(default_factory=set)
    neighbours: bool = False

    @property
    def left(self) -> list[ast.alias]:
        """The names that stay."""
        return [a for a in self.statement.names if local_name(a, self.statement) not in self.losses]


@dataclass
class ImportText:
    """The lines of a file while its imports change.

    Attributes:
        source: The file as it is.
        spread: The modules whose imports have a line for each name.
        lines: The lines; one that goes is empty, one that comes stands before another.
    """

    source: Source
    spread: Collection[str]
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = list(self.source.lines)

    def change(self, change: ImportChange) -> None:
        """Rewrite an import statement's lines, or take them out.

        Raises:
            RefusedError: It is written in a way that cannot be changed.
        """
        if not change.gains and not change.losses:
            return
        statement, source = change.statement, self.source
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        if not source.alone(statement):
            raise RefusedError(
                "the import on ", Line(first), " shares its line with something else"
            )
        comments = {
            n: source.comments[n][1] for n in range(first, last + 1) if n in source.comments
        }
        if comments and last > first:
            self._line_by_line(change)
            return
        new = self._written(change, comments)
        self.lines[first - 1] = "".join(line + source.newline for line in new)
        for number in range(first + 1, last + 1):
            self.lines[number - 1] = ""

    def _written(self, change: ImportChange, comments: dict[int, str]) -> list[str]:
        """The lines of a changed statement, without line endings."""
        statement, source = change.statement, self.source
        last = statement.end_lineno or statement.lineno
        indentation = source.indentation(statement.lineno)
        names = [_text(alias) for alias in change.left]
        for gain in change.gains:
            insert_sorted(names, gain)
        if not names:
            return self._nothing(change, [indentation + comment for comment in comments.values()])
        trailing = _trailing(source, last, comments)
        if isinstance(statement, ast.Import):
            return [f"{indentation}import {', '.join(names)}{trailing}"]
        return self._from_import(statement, names, indentation, trailing)

    def _nothing(self, change: ImportChange, comments: list[str]) -> list[str]:
        """The replacement of a statement that imports nothing any more."""
        if change.neighbours:
            return comments
        if len(change.block) == 1:
            return [*comments, f"{self.source.indentation(change.statement.lineno)}pass"]
        if not comments:
            self._drop_blank_after(change.statement)
        return comments

    def _drop_blank_after(self, statement: ImportStatement) -> None:
        """An import that was a paragraph of its own takes its blank line along."""
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        above = first < 2 or not self.lines[first - 2].strip()
        if above and last < len(self.lines) and not self.lines[last].strip():
            self.lines[last] = ""

    def _from_import(
        self, statement: ast.ImportFrom, names: list[str], indentation: str, trailing: str
    ) -> list[str]:
        head = f"{indentation}from {module_of(statement)} import "
        one = head + ", ".join(names) + trailing
        spread = module_of(statement) in self.spread
        if len(names) == 1 or (len(one) <= LINE_LENGTH and not spread):
            return [one]
        unit = "\t" if indentation.startswith("\t") else "    "
        return [
            f"{head}(",
            *(f"{indentation}{unit}{name}," for name in names),
            f"{indentation}){trailing}",
        ]

    def _line_by_line(self, change: ImportChange) -> None:
        """Change a statement that has comments among its names, one name a line."""
        statement, source = change.statement, self.source
        if not self._has_a_line_for_each(change):
            raise RefusedError(
                "the import on ", Line(statement.lineno), " has comments among its names"
            )
        for alias in statement.names:
            if alias not in change.left:
                comment = source.comments.get(alias.lineno)
                indentation = source.indentation(alias.lineno)
                kept = f"{indentation}{comment[1]}{source.newline}" if comment else ""
                self.lines[alias.lineno - 1] = kept
        indentation = source.indentation(statement.names[0].lineno)
        for gain in change.gains:
            later = [a for a in statement.names if import_key(a.name) > import_key(gain)]
            number = later[0].lineno if later else statement.end_lineno or statement.lineno
            line = f"{indentation}{gain},{source.newline}"
            self.lines[number - 1] = line + self.lines[number - 1]

    def _has_a_line_for_each(self, change: ImportChange) -> bool:
        statement = change.statement
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        numbers = {alias.lineno for alias in statement.names}
        apart = len(numbers) == len(statement.names) and numbers.isdisjoint((first, last))
        something = bool(change.left or change.gains)
        return apart and something and _ends_with_comma(self.source, statement)

    # -- a statement of its own

    def add(self, module: str, names: list[str], beside: ImportChange) -> None:
        """Put a new statement where the sorted imports of its block have it."""
        source, anchor = self.source, beside.statement
        order = (1 if names else 0, module)
        section = [
            statement
            for statement in beside.block
            if isinstance(statement, (ast.ImportFrom, ast.Import))
            and source.alone(statement)
            and _section(statement) == _section_of(module)
        ]
        text = f"from {module} import {', '.join(names)}" if names else f"import {module}"
        new = f"{source.indentation(anchor.lineno)}{text}{source.newline}"
        later = [statement.lineno for statement in section if _order(statement) > order]
        if later:
            self.lines[min(later) - 1] = new + self.lines[min(later) - 1]
        elif section:
            last = max(statement.end_lineno or statement.lineno for statement in section)
            self.lines[last - 1] += new
        else:
            self.lines[anchor.lineno - 1] = new + self.lines[anchor.lineno - 1]


def spread_modules(original: Source) -> Collection[str]:
    """The modules from which a file imports with a comma after the last name: a line for each."""
    return {
        module_of(node)
        for node in ast.walk(original.tree)
        if isinstance(node, ast.ImportFrom) and _magic_comma(original, node)
    }


def _trailing(source: Source, last: int, comments: dict[int, str]) -> str:
    if last not in comments:
        return ""
    line = source.lines[last - 1]
    code = line[: source.comments[last][0]]
    return code[len(code.rstrip()) :] + comments[last]


def _magic_comma(source: Source, statement: ast.ImportFrom) -> bool:
    """Whether a comma after the last name asks for a line for each."""
    last = statement.end_lineno or statement.lineno
    text = "".join(source.lines[statement.lineno - 1 : last])
    return bool(re.search(r",\s*\)\s*(#.*)?\s*\Z", text))


def _ends_with_comma(source: Source, statement: ImportStatement) -> bool:
    """Whether the last name of an import is followed by a comma."""
    alias = statement.names[-1]
    line = source.lines[(alias.end_lineno or alias.lineno) - 1]
    return line[source.column(alias.lineno, alias.end_col_offset or 0) :].lstrip().startswith(",")


def _text(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _order(statement: ImportStatement) -> tuple[int, str]:
    if isinstance(statement, ast.Import):
        return 0, statement.names[0].name
    return 1, module_of(statement)


def _section(statement: ImportStatement) -> tuple[int, str]:
    """Relative imports by their level, absolute ones by their top-level package."""
    if isinstance(statement, ast.Import):
        return _section_of(statement.names[0].name)
    return _section_of(module_of(statement))


def _section_of(module: str) -> tuple[int, str]:
    level = len(module) - len(module.lstrip("."))
    return (level, "") if level else (0, module.partition(".")[0])
