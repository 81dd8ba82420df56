"""Mends the imports of a rewritten file: names needed come, names no longer used go."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pyflakes.checker import Checker
from pyflakes.messages import Message as Flake
from pyflakes.messages import UnusedImport

from flake8_naq.migrate.match.importers import ALL
from flake8_naq.migrate.message import Line, RefusedError
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.source import Source
from flake8_naq.names import Names, lookup_chain, own_nodes

LINE_LENGTH = 88
_CONSTANT = re.compile(r"[A-Z0-9_]+\Z")


@dataclass
class _Change:
    """What one import statement gains and loses."""

    statement: ast.ImportFrom | ast.Import
    block: list[ast.stmt]
    gains: list[str] = field(default_factory=list)
    losses: set[str] = field(default_factory=set)


def flakes(tree: ast.Module, filename: str) -> list[Flake]:
    """What pyflakes says of a module."""
    return list(Checker(tree, filename=filename).messages)


@dataclass(frozen=True, slots=True)
class Home:
    """A module as others import from it.

    Attributes:
        filename: Its path.
        imported: The names that files of this run import from it, `ALL` for all.
    """

    filename: str
    imported: frozenset[str] = frozenset()

    def exports(self, message: UnusedImport) -> bool:
        """Whether an import that the module does not use is there for others."""
        if Path(self.filename).name == "__init__.py" or ALL in self.imported:
            return True
        name = str(message.message_args[0]).rpartition(" as ")[2]
        return not self.imported.isdisjoint((name.partition(".")[0], name.rpartition(".")[2]))


def mend_imports(
    original: Source, text: str, home: Home, before: list[Flake], needed: Iterable[Import]
) -> str:
    """Add the names that a rewrite needs and take out the imports that it left unused.

    Args:
        original: The module before the run: what it spreads over lines on purpose stays so.
        text: The rewritten module.
        home: Who imports from it: what is there for others stays.
        before: What pyflakes said of the module as it was.
        needed: The names that were used anew.

    Raises:
        RefusedError: An import stands where it cannot be changed.
    """
    source = Source(text)
    statements = list(_statements(source.tree))
    changes: dict[int, _Change] = {}
    additions: list[tuple[Import, _Change]] = []

    def change_of(statement: ast.ImportFrom | ast.Import, block: list[ast.stmt]) -> _Change:
        return changes.setdefault(id(statement), _Change(statement, block))

    for wanted in dict.fromkeys(needed):
        for anchor, block in _beside(source.tree, statements, wanted):
            same = _same_module(block, wanted, source)
            if same is None:
                additions.append((wanted, change_of(anchor, block)))
            elif wanted.name not in _locals(same):
                gains = change_of(same, block).gains
                gains += [wanted.name] if wanted.name not in gains else []
    for statement, block, local in _unused(source.tree, statements, home, before):
        change_of(statement, block).losses.add(local)
    lines = list(source.lines)
    spread = {
        _module(node)
        for node in ast.walk(original.tree)
        if isinstance(node, ast.ImportFrom) and _magic_comma(original, node)
    }
    for change in changes.values():
        added = [wanted for wanted, place in additions if place is change]
        _apply(source, change, added, spread, lines)
    for (module, names), place in _grouped(additions):
        _add_statement(source, module, names, place, lines)
    mended = "".join(lines)
    lost = {local for change in changes.values() for local in change.losses}
    imported = [local for statement, _ in statements for local in _locals(statement)]
    if any(imported.count(local) > 1 for local in lost):
        # Of several imports of a name pyflakes judges the last: now the one before it is that.
        return mend_imports(original, mended, home, before, ())
    return mended


def _same_module(block: list[ast.stmt], wanted: Import, source: Source) -> ast.ImportFrom | None:
    """A statement of the block that imports from the same module already."""
    if not wanted.name:
        return None
    for statement in block:
        if (
            isinstance(statement, ast.ImportFrom)
            and _module(statement) == wanted.module
            and source.alone(statement)
        ):
            return statement
    return None


def _grouped(
    additions: list[tuple[Import, _Change]],
) -> list[tuple[tuple[str, list[str]], _Change]]:
    """New statements: one for all names from one module at one place."""
    groups: dict[tuple[str, int], tuple[tuple[str, list[str]], _Change]] = {}
    for wanted, place in additions:
        (_, names), _ = groups.setdefault(
            (wanted.module, id(place.block)), ((wanted.module, []), place)
        )
        if wanted.name and wanted.name not in names:
            _insert_sorted(names, wanted.name)
    return list(groups.values())


def _statements(tree: ast.Module) -> Iterable[tuple[ast.ImportFrom | ast.Import, list[ast.stmt]]]:
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                for child in block:
                    if isinstance(child, (ast.ImportFrom, ast.Import)):
                        yield child, block
                stack.extend(block)


def _beside(
    tree: ast.Module,
    statements: list[tuple[ast.ImportFrom | ast.Import, list[ast.stmt]]],
    wanted: Import,
) -> list[tuple[ast.ImportFrom | ast.Import, list[ast.stmt]]]:
    """The imports of the name to stand beside, in the innermost scope that has one."""
    root = wanted.beside.partition(".")[0]
    for scope in Names(tree).scopes.values():
        if scope.qualname != wanted.scope:
            continue
        for holder in lookup_chain(scope):
            own = set(own_nodes(holder.node))
            found = [pair for pair in statements if pair[0] in own and root in _locals(pair[0])]
            if found:
                return found
    raise RefusedError(
        f"no import of `{wanted.beside}` to put `{wanted.name or wanted.module}` beside"
    )


def _module(statement: ast.ImportFrom) -> str:
    return "." * statement.level + (statement.module or "")


def _locals(statement: ast.ImportFrom | ast.Import) -> set[str]:
    return {_local(alias, statement) for alias in statement.names}


def _local(alias: ast.alias, statement: ast.ImportFrom | ast.Import) -> str:
    if alias.asname:
        return alias.asname
    return alias.name if isinstance(statement, ast.ImportFrom) else alias.name.partition(".")[0]


def _unused(
    tree: ast.Module,
    statements: list[tuple[ast.ImportFrom | ast.Import, list[ast.stmt]]],
    home: Home,
    before: list[Flake],
) -> Iterable[tuple[ast.ImportFrom | ast.Import, list[ast.stmt], str]]:
    """Imports that nobody uses any more, and somebody did."""
    old = [message.message_args[0] for message in before if isinstance(message, UnusedImport)]
    by_line = {statement.lineno: (statement, block) for statement, block in statements}
    for message in flakes(tree, home.filename):
        if not isinstance(message, UnusedImport):
            continue
        name = message.message_args[0]
        if name in old:
            old.remove(name)
            continue
        statement, block = by_line[message.lineno]
        if block is tree.body and home.exports(message):
            continue
        for alias in statement.names:
            if _flake_name(alias, statement) == name:
                yield statement, block, _local(alias, statement)


def _flake_name(alias: ast.alias, statement: ast.ImportFrom | ast.Import) -> str:
    if isinstance(statement, ast.Import):
        return alias.name if not alias.asname else f"{alias.name} as {alias.asname}"
    module = _module(statement)
    full = f"{module}{alias.name}" if module.endswith(".") else f"{module}.{alias.name}"
    return full if not alias.asname or alias.asname == alias.name else f"{full} as {alias.asname}"


# -- one statement


def _apply(
    source: Source, change: _Change, added: list[Import], spread: set[str], lines: list[str]
) -> None:
    """Rewrite an import statement's lines, or take them out."""
    statement = change.statement
    if not change.gains and not change.losses:
        return
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    if not source.alone(statement):
        raise RefusedError("the import on ", Line(first), " shares its line with something else")
    comments = {n: source.comments[n][1] for n in range(first, last + 1) if n in source.comments}
    left = [alias for alias in statement.names if _local(alias, statement) not in change.losses]
    names = [_text(alias) for alias in left]
    for gain in change.gains:
        _insert_sorted(names, gain)
    indentation = source.indentation(first)
    newline = source.newline
    if comments and last > first:
        _line_by_line(source, change, lines)
        return
    trailing = _trailing(source, last, comments)
    if not names:
        new = [indentation + comment for comment in comments.values()]
        if len(change.block) == 1 and not added:
            new.append(f"{indentation}pass")
        if not new and not added:
            _drop_blank_after(change, lines, first, last)
    elif isinstance(statement, ast.Import):
        new = [f"{indentation}import {', '.join(names)}{trailing}"]
    else:
        new = _from_import(statement, names, indentation, trailing, spread)
    text = "".join(line + newline for line in new)
    lines[first - 1] = text
    for number in range(first + 1, last + 1):
        lines[number - 1] = ""


def _trailing(source: Source, last: int, comments: dict[int, str]) -> str:
    if last not in comments:
        return ""
    line = source.lines[last - 1]
    code = line[: source.comments[last][0]]
    return code[len(code.rstrip()) :] + comments[last]


def _drop_blank_after(change: _Change, lines: list[str], first: int, last: int) -> None:
    """An import that was a paragraph of its own takes its blank line along."""
    above = first < 2 or not lines[first - 2].strip()
    if above and last < len(lines) and not lines[last].strip():
        lines[last] = ""


def _from_import(
    statement: ast.ImportFrom, names: list[str], indentation: str, trailing: str, spread: set[str]
) -> list[str]:
    head = f"{indentation}from {_module(statement)} import "
    one = head + ", ".join(names) + trailing
    if len(names) == 1 or (len(one) <= LINE_LENGTH and _module(statement) not in spread):
        return [one]
    unit = "\t" if indentation.startswith("\t") else "    "
    return [
        f"{head}(",
        *(f"{indentation}{unit}{name}," for name in names),
        f"{indentation}){trailing}",
    ]


def _magic_comma(source: Source, statement: ast.ImportFrom) -> bool:
    """Whether a comma after the last name asks for a line for each."""
    last = statement.end_lineno or statement.lineno
    text = "".join(source.lines[statement.lineno - 1 : last])
    return bool(re.search(r",\s*\)\s*(#.*)?\s*\Z", text))


def _line_by_line(source: Source, change: _Change, lines: list[str]) -> None:
    """Change a statement that has comments among its names, one name a line."""
    statement = change.statement
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    aliases = {alias.lineno: alias for alias in statement.names}
    if len(aliases) != len(statement.names) or first in aliases or last in aliases:
        raise RefusedError("the import on ", Line(first), " has comments among its names")
    left = [a for a in statement.names if _local(a, statement) not in change.losses]
    if not left and not change.gains:
        raise RefusedError("the import on ", Line(first), " has comments among its names")
    for alias in statement.names:
        if _local(alias, statement) not in change.losses:
            continue
        comment = source.comments.get(alias.lineno)
        kept = f"{source.indentation(alias.lineno)}{comment[1]}{source.newline}" if comment else ""
        lines[alias.lineno - 1] = kept
    for gain in change.gains:
        later = [alias for alias in statement.names if _key(alias.name) > _key(gain)]
        number = later[0].lineno if later else last
        indentation = source.indentation(statement.names[0].lineno)
        lines[number - 1] = f"{indentation}{gain},{source.newline}" + lines[number - 1]
    if not later_comma(source, statement):
        raise RefusedError("the import on ", Line(first), " has comments among its names")


def later_comma(source: Source, statement: ast.ImportFrom | ast.Import) -> bool:
    """Whether the last name of an import is followed by a comma."""
    alias = statement.names[-1]
    line = source.lines[(alias.end_lineno or alias.lineno) - 1]
    return line[source.column(alias.lineno, alias.end_col_offset or 0) :].lstrip().startswith(",")


def _text(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _key(name: str) -> tuple[int, str]:
    """The order of names as ruff has it (isort's ``order-by-type``): constants, classes, the rest."""
    plain = name.partition(" as ")[0]
    kind = 0 if _CONSTANT.match(plain) and len(plain) > 1 else 1 if plain[:1].isupper() else 2
    return kind, plain


def _insert_sorted(names: list[str], gain: str) -> None:
    """Put a name where a sorted list has it; a list that is not sorted gets it at its end."""
    if names == sorted(names, key=_key):
        names.append(gain)
        names.sort(key=_key)
    elif gain not in names:
        names.append(gain)


# -- a statement of its own


def _add_statement(
    source: Source, module: str, names: list[str], place: _Change, lines: list[str]
) -> None:
    """Put a new import statement where the sorted imports of its block have it."""
    anchor = place.statement
    order = (1 if names else 0, module)
    section = [
        statement
        for statement in place.block
        if isinstance(statement, (ast.ImportFrom, ast.Import))
        and source.alone(statement)
        and _section(statement) == _section_of(module)
    ]
    text = f"from {module} import {', '.join(names)}" if names else f"import {module}"
    new = f"{source.indentation(anchor.lineno)}{text}{source.newline}"
    later = [statement.lineno for statement in section if _order(statement) > order]
    if later:
        lines[min(later) - 1] = new + lines[min(later) - 1]
    elif section:
        lines[max(statement.end_lineno or statement.lineno for statement in section) - 1] += new
    else:
        lines[anchor.lineno - 1] = new + lines[anchor.lineno - 1]


def _order(statement: ast.ImportFrom | ast.Import) -> tuple[int, str]:
    if isinstance(statement, ast.Import):
        return 0, statement.names[0].name
    return 1, _module(statement)


def _section(statement: ast.ImportFrom | ast.Import) -> tuple[int, str]:
    """Relative imports by their level, absolute ones by their top-level package."""
    if isinstance(statement, ast.Import):
        return _section_of(statement.names[0].name)
    return _section_of(_module(statement))


def _section_of(module: str) -> tuple[int, str]:
    level = len(module) - len(module.lstrip("."))
    return (level, "") if level else (0, module.partition(".")[0])
