"""The callers of a class whose constructor changes from a URL to a `Config`."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flake8_naq.files.source_text import Source
from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.tree import parents
from flake8_naq.migrate.url_to_config.class_names import module_means
from flake8_naq.migrate.url_to_config.constructors import PARAMETER, Constructor
from flake8_naq.migrate.url_to_config.patches import Patch, Patches
from flake8_naq.names import Names, dotted


@dataclass
class Callers:
    """The uses of a class in one file.

    Attributes:
        found: The class.
        path: The file.
        names: The file's names, resolved.
        known: The names by which the file knows the class.
        offering: The files from which the class can be had under its own name.
        config: The module of `Config` for the class's own file, and an import there beside it.
        patches: The edits of the file.
    """

    found: Constructor
    path: str
    names: Names
    known: set[str]
    offering: Collection[str]
    config: tuple[str, str]
    patches: Patches

    def change(self) -> None:
        """Make every call pass a `Config`.

        Raises:
            RefusedError: It is not certain that every call is seen and can be changed.
        """
        self._refuse_reads()
        for node in self._mentions():
            holder = self._around[node]
            if isinstance(holder, ast.Call) and holder.func is node:
                self._change_call(holder)
            elif isinstance(holder, ast.ClassDef):
                raise RefusedError(
                    f"`{holder.name}` in ", Line(holder.lineno, self.path), ", is derived from it"
                )
            elif _hands_on(node, self._around):
                raise RefusedError("the class is handed on in ", Line(node.lineno, self.path))

    @cached_property
    def _source(self) -> Source:
        return self.patches.source

    @cached_property
    def _around(self) -> Mapping[ast.AST, ast.AST]:
        return parents(self._source.tree)

    def _mentions(self) -> Iterator[ast.Name | ast.Attribute]:
        for node in ast.walk(self._source.tree):
            if (isinstance(node, ast.Name) and node.id in self.known) or (
                isinstance(node, ast.Attribute)
                and node.attr == self.found.owner.name
                and self._is_of_the_module(node)
            ):
                yield node

    def _is_of_the_module(self, node: ast.Attribute) -> bool:
        """Whether an attribute of the class's name is the class.

        Raises:
            RefusedError: That cannot be decided.
        """
        base = dotted(node.value)
        root = (base or "").partition(".")[0]
        origin = self.names.module.imports.get(root)
        if base is None or origin is None:
            if root in ("self", "cls"):
                return False
            raise self._doubt(node, " does not show where it comes from")
        module = origin + base[len(root) :]
        if any(module_means(self.path, module, other) for other in self.offering):
            return True
        holder = self._around[node]
        if isinstance(holder, ast.Call) and any(word.arg == PARAMETER for word in holder.keywords):
            raise self._doubt(node, f" gives it `{PARAMETER}`")
        return False

    def _doubt(self, node: ast.Attribute, why: str) -> RefusedError:
        """The refusal where an attribute may be the class."""
        text = f"`{ast.unparse(node)}` may be the class: "
        return RefusedError(text, Line(node.lineno, self.path), why)

    def _refuse_reads(self) -> None:
        """Refuse where code reads the URL from an object of the class."""
        objects = {
            text
            for node in ast.walk(self._source.tree)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and self._makes_one(node.value)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if (text := dotted(target))
        }
        for node in ast.walk(self._source.tree):
            if not isinstance(node, ast.Attribute) or node.attr != PARAMETER:
                continue
            if dotted(node.value) in objects or self._makes_one(node.value):
                raise RefusedError(
                    f"`{ast.unparse(node)}` is used in ", Line(node.lineno, self.path)
                )

    def _makes_one(self, value: ast.expr | None) -> bool:
        if not isinstance(value, ast.Call):
            return False
        name = dotted(value.func) or ""
        return name in self.known or name.rpartition(".")[2] == self.found.owner.name

    def _change_call(self, call: ast.Call) -> None:
        where = Line(call.lineno, self.path)
        if any(isinstance(argument, ast.Starred) for argument in call.args) or any(
            keyword.arg is None for keyword in call.keywords
        ):
            raise RefusedError("the call in ", where, " does not list its arguments one by one")
        given = self._positional(call)
        if given is None:
            keyword = next((word for word in call.keywords if word.arg == PARAMETER), None)
            if keyword is None:
                return
            given = keyword.value
            if keyword.lineno != given.lineno:
                raise RefusedError("the call in ", where, " goes on over several lines")
            start = self._source.column(keyword.lineno, keyword.col_offset)
            end = self._source.column(given.lineno, given.col_offset)
            self.patches.patches.append(Patch(keyword.lineno, start, end, "config="))
        if isinstance(given, ast.Constant) and given.value is None:
            return
        module, beside = self._config(call.func)
        self.patches.replace(given, f"Config(servers=({self._source.segment(given)},))")
        scope = next(
            (holder.qualname for holder in self.names.scopes.values() if call in holder.calls), ""
        )
        self.patches.imports.append(Import("Config", module, beside, scope))

    def _positional(self, call: ast.Call) -> ast.expr | None:
        arguments = self.found.function.args
        positional = [*arguments.posonlyargs, *arguments.args][1:]
        if self.found.argument not in positional:
            return None
        index = positional.index(self.found.argument)
        return call.args[index] if index < len(call.args) else None

    def _config(self, function: ast.expr) -> tuple[str, str]:
        """The module of `Config`, and the import to put it beside."""
        module, beside = self.config
        if self.path == self.found.path:
            return module, beside
        root = (dotted(function) or "").partition(".")[0]
        origins = (scope.imports.get(root) for scope in self.names.scopes.values())
        origin = next(filter(None, origins), None)
        if origin is None:
            raise RefusedError(
                "cannot tell where ", Line(function.lineno, self.path), " gets the class from"
            )
        if module.startswith("."):
            module = _seen_from(self.path, self.found.path, module, origin)
        return module, root


def _seen_from(path: str, home: str, module: str, origin: str) -> str:
    """A module that one file imports relatively, as another file imports it.

    Args:
        path: The other file.
        home: The file that has the relative import.
        module: What it imports.
        origin: What the other file imports the class as: it shows the style.

    Raises:
        RefusedError: The module cannot be named there.
    """
    name = module.lstrip(".")
    base = Path(home).resolve().parents[len(module) - len(name) - 1]
    if not origin.startswith("."):
        package: list[str] = []
        while (base / "__init__.py").exists():
            package.insert(0, base.name)
            base = base.parent
        if not package:
            raise RefusedError(f"cannot tell how {path} imports `Config`")
        return ".".join([*package, name])
    folders = [Path(path).resolve().parent, *Path(path).resolve().parent.parents]
    for level, folder in enumerate(folders, 1):
        if base.is_relative_to(folder):
            return "." * level + ".".join([*base.relative_to(folder).parts, name])
    raise RefusedError(f"cannot tell how {path} imports `Config`")


def _hands_on(node: ast.AST, around: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether a mention of the class may lead to a call that the analysis does not see."""
    child = node
    while (holder := around.get(child)) is not None:
        if isinstance(holder, ast.arg) or (
            isinstance(holder, ast.AnnAssign) and child is holder.annotation
        ):
            return False
        if isinstance(holder, (ast.FunctionDef, ast.AsyncFunctionDef)) and child is holder.returns:
            return False
        if (
            isinstance(holder, ast.Call)
            and isinstance(holder.func, ast.Name)
            and child is not holder.func
            and holder.func.id in ("isinstance", "issubclass")
        ):
            return False
        if isinstance(holder, ast.stmt):
            return True
        child = holder
    return True
