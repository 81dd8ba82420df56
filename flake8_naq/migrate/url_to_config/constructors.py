"""Rule 21's fix inside the class: the constructor takes a ``Config`` in place of a URL."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flake8_naq.message import Line, RefusedError
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.tree import constants, parents
from flake8_naq.migrate.url_to_config.patches import Patches
from flake8_naq.names import Names, Scope, own_nodes
from flake8_naq.names.vocabulary import NAQ_MANAGERS

PARAMETER = "nats_url"
_HARMLESS_BASES = frozenset({"object", "ABC", "abc.ABC", "Protocol", "typing.Protocol"})


@dataclass(frozen=True, slots=True)
class Constructor:
    """A class whose ``__init__`` takes and keeps a URL."""

    path: str
    owner: ast.ClassDef
    function: ast.FunctionDef
    argument: ast.arg
    scope: Scope


def constructors(path: str, names: Names) -> Iterator[Constructor]:
    """The classes of a module whose ``__init__`` has the parameter."""
    for scope in names.scopes.values():
        function = scope.node
        parent = scope.parent
        if not isinstance(function, ast.FunctionDef) or function.name != "__init__":
            continue
        if parent is None or not isinstance(parent.node, ast.ClassDef):
            continue
        arguments = function.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.arg == PARAMETER:
                yield Constructor(path, parent.node, function, argument, scope)


def change_class(found: Constructor, names: Names, patches: Patches) -> None:
    """Make a class take and keep a `Config`.

    Raises:
        RefusedError: It uses the URL for more than that.
    """
    _refuse_bases(found, names)
    module, beside = config_module(names, found)
    attribute, assignment = _kept(found)
    _refuse_config(found)
    default = _default(found)
    optional = names.resolve(ast.Name("Optional", ast.Load()), found.scope) == "typing.Optional"
    if found.argument.annotation is None:
        parameter = "config=None"
    else:
        parameter = f"config: {'Optional[Config]' if optional else 'Config | None'} = None"
        patches.imports.append(Import("Config", module, beside))
    patches.replace(found.argument, parameter, until=default or found.argument.annotation)
    patches.added += constants(ast.parse(f"def __init__({parameter}): pass"))
    patches.imports.append(Import("get_config", module, beside))
    if default is not None:
        patches.dropped += constants(default)
    value = assignment.value
    assert value is not None
    patches.replace(value, "config or get_config()")
    if isinstance(assignment, ast.AnnAssign):
        patches.replace(assignment.annotation, "Config")
        patches.imports.append(Import("Config", module, beside))
    around = parents(found.owner)
    for node in ast.walk(found.owner):
        if not (
            isinstance(node, ast.Attribute)
            and node.attr == attribute
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            continue
        if isinstance(node.ctx, ast.Load):
            _refuse_other_use(node, around, names, found)
        elif around[node] is not assignment:
            raise RefusedError(f"`self.{attribute}` is set again on ", Line(node.lineno))
        patches.replace(node, "self.config")


def _refuse_bases(found: Constructor, names: Names) -> None:
    for base in found.owner.bases:
        name = names.resolve(base, found.scope) or ast.unparse(base)
        if name not in _HARMLESS_BASES and not name.startswith(("Generic[", "Protocol[")):
            raise RefusedError(f"its base class `{ast.unparse(base)}` may use `{PARAMETER}`, too")


def config_module(names: Names, found: Constructor) -> tuple[str, str]:
    """The module of ``Config``, from where the file has naq's context managers."""
    for local, origin in names.module.imports.items():
        parts = origin.split(".")
        if "connection" in parts and (parts[-1] in NAQ_MANAGERS or parts[-1] == "connection"):
            index = parts.index("connection")
            return ".".join([*parts[:index], "config"]), local
    raise RefusedError(
        "cannot tell where to import `Config` from: the module imports no naq context manager"
    )


def _kept(found: Constructor) -> tuple[str, ast.Assign | ast.AnnAssign]:
    """The attribute that keeps the URL, and the assignment."""
    uses = [
        node
        for node in ast.walk(found.function)
        if isinstance(node, ast.Name) and node.id == PARAMETER
    ]
    kept: ast.Assign | ast.AnnAssign | None = None
    attribute = ""
    for node in own_nodes(found.function):
        target: ast.expr | None = None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        if (
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
            and node.value in uses
        ):
            kept, attribute = node, target.attr
    if kept is None:
        raise RefusedError(f"the constructor does not keep `{PARAMETER}` unchanged")
    other = [use.lineno for use in uses if use is not kept.value]
    if other:
        raise RefusedError(f"`{PARAMETER}` is also used on ", Line(other[0]))
    return attribute, kept


def _refuse_config(found: Constructor) -> None:
    for node in ast.walk(found.owner):
        taken = (
            (isinstance(node, ast.Attribute) and node.attr == "config")
            or (isinstance(node, ast.arg) and node.arg == "config" and node is not found.argument)
            or (isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == "config")
        )
        if taken:
            line = getattr(node, "lineno", found.owner.lineno)
            raise RefusedError(f"`{found.owner.name}` has a `config` already (", Line(line), ")")


def _default(found: Constructor) -> ast.expr | None:
    """The parameter's default; a parameter without one that follows makes it refuse."""
    arguments = found.function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if found.argument in positional:
        index = positional.index(found.argument)
        first = len(positional) - len(arguments.defaults)
        if index + 1 < first:
            raise RefusedError(
                f"`{positional[index + 1].arg}` follows `{PARAMETER}` without a default"
            )
        return arguments.defaults[index - first] if index >= first else None
    return arguments.kw_defaults[arguments.kwonlyargs.index(found.argument)]


def _refuse_other_use(
    node: ast.Attribute, around: Mapping[ast.AST, ast.AST], names: Names, found: Constructor
) -> None:
    holder = around[node]
    if isinstance(holder, ast.keyword):
        holder = around[holder]
    if isinstance(holder, ast.Call) and node is not holder.func:
        function = holder.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if name in NAQ_MANAGERS:
            return
    raise RefusedError(
        f"`{ast.unparse(node)}` is used on ",
        Line(node.lineno),
        " for something that takes no `Config`",
    )
