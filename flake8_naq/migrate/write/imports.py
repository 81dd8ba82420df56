"""Updates the imports of a rewritten file: adds the names it needs, removes the unused ones."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pyflakes.checker import Checker
from pyflakes.messages import Message as Flake
from pyflakes.messages import UnusedImport

from flake8_naq.files.source_text import Source
from flake8_naq.message import RefusedError
from flake8_naq.migrate.match.importers import ALL
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.write.import_names import (
    ImportStatement,
    flake_name,
    import_statements,
    insert_sorted,
    local_name,
    local_names_of,
    module_of,
)
from flake8_naq.migrate.write.import_text import ImportChange, ImportText, spread_modules
from flake8_naq.names import Names, lookup_chain, own_nodes


def flakes(tree: ast.Module, filename: str) -> list[Flake]:
    """The messages of pyflakes about a module."""
    return list(Checker(tree, filename=filename).messages)


@dataclass(frozen=True, slots=True)
class Home:
    """A module's path, and the names that other files import from it.

    Attributes:
        filename: Its path.
        imported: The names that files of this run import from it, `ALL` for all.
    """

    filename: str
    imported: frozenset[str] = frozenset()

    def exports(self, message: UnusedImport) -> bool:
        """Whether other files use an import that the module itself does not use."""
        if Path(self.filename).name == "__init__.py" or ALL in self.imported:
            return True
        name = str(message.message_args[0]).rpartition(" as ")[2]
        return not self.imported.isdisjoint((name.partition(".")[0], name.rpartition(".")[2]))


def mend_imports(
    original: Source, text: str, home: Home, before: list[Flake], needed: Iterable[Import]
) -> str:
    """Add the names that a rewrite needs and remove the imports that it leaves unused.

    Args:
        original: The module before the run, which shows the style of its imports.
        text: The rewritten module.
        home: The names that other files import from it, which stay.
        before: The messages of pyflakes about the module before the run.
        needed: The names that the rewrite uses.

    Raises:
        RefusedError: An import is in a place where it cannot be changed.
    """
    return _Mender(original, Source(text), home, before).mend(needed)


class _Mender:
    """Updates the imports of one module."""

    def __init__(self, original: Source, source: Source, home: Home, before: list[Flake]) -> None:
        self._original = original
        self._source = source
        self._home = home
        self._before = before
        self._statements = list(import_statements(source.tree))
        self._changes: dict[int, ImportChange] = {}
        # New statements, by module and block: their names, and what they stand beside.
        self._new: dict[tuple[str, int], tuple[list[str], ImportChange]] = {}

    def mend(self, needed: Iterable[Import]) -> str:
        """The text with its imports updated."""
        for wanted in dict.fromkeys(needed):
            for anchor, block in self._beside(wanted):
                self._add(wanted, anchor, block)
        for statement, block, local in self._unused():
            self._change_of(statement, block).losses.add(local)
        text = ImportText(self._source, spread_modules(self._original))
        for change in self._changes.values():
            text.change(change)
        for (module, _), (names, beside) in self._new.items():
            text.add(module, names, beside)
        mended = "".join(text.lines)
        if self._loses_one_of_several():
            # Of several imports of a name pyflakes judges the last: now the one before it is that.
            return mend_imports(self._original, mended, self._home, self._before, ())
        return mended

    def _change_of(self, statement: ImportStatement, block: list[ast.stmt]) -> ImportChange:
        return self._changes.setdefault(id(statement), ImportChange(statement, block))

    def _add(self, wanted: Import, anchor: ImportStatement, block: list[ast.stmt]) -> None:
        """Add a name to an import of the block, or write a new import beside another one."""
        same = self._same_module(block, wanted)
        if same is not None:
            gains = self._change_of(same, block).gains
            if wanted.name not in (*local_names_of(same), *gains):
                gains.append(wanted.name)
            return
        beside = self._change_of(anchor, block)
        beside.neighbours = True
        names, _ = self._new.setdefault((wanted.module, id(block)), ([], beside))
        if wanted.name and wanted.name not in names:
            insert_sorted(names, wanted.name)

    def _same_module(self, block: list[ast.stmt], wanted: Import) -> ast.ImportFrom | None:
        """A statement of the block that imports from the same module already."""
        if not wanted.name:
            return None
        for statement in block:
            if (
                isinstance(statement, ast.ImportFrom)
                and module_of(statement) == wanted.module
                and self._source.alone(statement)
            ):
                return statement
        return None

    def _beside(self, wanted: Import) -> list[tuple[ImportStatement, list[ast.stmt]]]:
        """The imports to put the name beside, in the innermost scope that has one."""
        root = wanted.beside.partition(".")[0]
        binding = [pair for pair in self._statements if root in local_names_of(pair[0])]
        scopes = Names(self._source.tree).scopes.values()
        for scope in (scope for scope in scopes if scope.qualname == wanted.scope):
            for holder in lookup_chain(scope):
                own = set(own_nodes(holder.node))
                if found := [pair for pair in binding if pair[0] in own]:
                    return found
        raise RefusedError(
            f"no import of `{wanted.beside}` to put `{wanted.name or wanted.module}` beside"
        )

    def _unused(self) -> Iterator[tuple[ImportStatement, list[ast.stmt], str]]:
        """Imports that the rewrite left unused."""
        by_line = {statement.lineno: (statement, block) for statement, block in self._statements}
        for message in self._newly_unused():
            statement, block = by_line[message.lineno]
            if block is self._source.tree.body and self._home.exports(message):
                continue
            for alias in statement.names:
                if flake_name(alias, statement) == message.message_args[0]:
                    yield statement, block, local_name(alias, statement)

    def _newly_unused(self) -> Iterator[UnusedImport]:
        old = [flake.message_args[0] for flake in self._before if isinstance(flake, UnusedImport)]
        for message in flakes(self._source.tree, self._home.filename):
            if not isinstance(message, UnusedImport):
                continue
            if message.message_args[0] in old:
                old.remove(message.message_args[0])
            else:
                yield message

    def _loses_one_of_several(self) -> bool:
        lost = {local for change in self._changes.values() for local in change.losses}
        imported = [local for node, _ in self._statements for local in local_names_of(node)]
        return any(imported.count(local) > 1 for local in lost)
