"""Rule 21's fix: a class that takes a URL takes a ``Config``, and so do those who make one."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flake8_naq.lifetimes.vocabulary import NAQ_MANAGERS
from flake8_naq.migrate.message import Line, RefusedError
from flake8_naq.migrate.plan.needed import Import
from flake8_naq.migrate.source import Source
from flake8_naq.migrate.syntax import constants, parents
from flake8_naq.names import Names, Scope, own_nodes

PARAMETER = "nats_url"
_HARMLESS_BASES = frozenset({"object", "ABC", "abc.ABC", "Protocol", "typing.Protocol"})


@dataclass(frozen=True, slots=True)
class Patch:
    """One piece of one line that is replaced. Columns count characters."""

    line: int
    start: int
    end: int
    text: str


@dataclass(slots=True)
class Patches:
    """What becomes of one file.

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


def plan_constructor(
    found: Constructor, sources: Mapping[str, Source], names: Mapping[str, Names]
) -> dict[str, Patches]:
    """Decide how a class and all who make one move from a URL to a ``Config``.

    Args:
        found: The class.
        sources: Every given file that may make one, by path.
        names: What their names stand for.

    Raises:
        RefusedError: It is not certain that every use is seen and can be changed.
    """
    changes = {found.path: Patches(sources[found.path])}
    _change_class(found, names[found.path], changes[found.path])
    for path, source in sources.items():
        _refuse_attribute(found, path, source)
        patches = changes.get(path) or Patches(source)
        _change_callers(found, path, names[path], patches)
        if patches.patches:
            changes[path] = patches
    return changes


# -- the class itself


def _change_class(found: Constructor, names: Names, patches: Patches) -> None:
    _refuse_bases(found, names)
    module, beside = _config_module(names, found)
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


def _config_module(names: Names, found: Constructor) -> tuple[str, str]:
    """The module of ``Config``, from where the file has naq's context managers."""
    for local, origin in names.module.imports.items():
        parts = origin.split(".")
        if "connection" in parts and (parts[-1] in NAQ_MANAGERS or parts[-1] == "connection"):
            index = parts.index("connection")
            return ".".join([*parts[:index], "config"]), local
    raise RefusedError(
        "the file does not import naq's context managers, beside which `Config` is found"
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
        raise RefusedError(f"`{PARAMETER}` is not kept as it is")
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


# -- everybody else


def _refuse_attribute(found: Constructor, path: str, source: Source) -> None:
    """Refuse when somebody reads the URL off an object from outside."""
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr == PARAMETER
            and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        ):
            raise RefusedError(f"`{ast.unparse(node)}` is used in ", Line(node.lineno, path))


def _change_callers(found: Constructor, path: str, names: Names, patches: Patches) -> None:
    name = found.owner.name
    around = parents(patches.source.tree)
    for node in ast.walk(patches.source.tree):
        named = (isinstance(node, ast.Name) and node.id == name) or (
            isinstance(node, ast.Attribute) and node.attr == name
        )
        if not named:
            continue
        assert isinstance(node, (ast.Name, ast.Attribute))
        holder = around[node]
        if isinstance(holder, ast.Call) and holder.func is node:
            _change_call(found, path, names, holder, patches)
        elif isinstance(holder, ast.ClassDef):
            raise RefusedError(
                f"`{holder.name}` in ", Line(holder.lineno, path), ", is derived from it"
            )
        elif _hands_on(node, around):
            raise RefusedError("the class is handed on in ", Line(node.lineno, path))


def _hands_on(node: ast.AST, around: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether a mention of the class may end in a call that nobody sees."""
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


def _change_call(
    found: Constructor, path: str, names: Names, call: ast.Call, patches: Patches
) -> None:
    where = Line(call.lineno, path)
    if any(isinstance(argument, ast.Starred) for argument in call.args) or any(
        keyword.arg is None for keyword in call.keywords
    ):
        raise RefusedError("the call in ", where, " does not say its arguments one by one")
    arguments = found.function.args
    positional = [*arguments.posonlyargs, *arguments.args][1:]
    given: ast.expr | None = None
    if found.argument in positional and positional.index(found.argument) < len(call.args):
        given = call.args[positional.index(found.argument)]
        lead = ""
    else:
        keyword = next((word for word in call.keywords if word.arg == PARAMETER), None)
        if keyword is None:
            return
        given, lead = keyword.value, "config="
        start = Source.column(patches.source, keyword.lineno, keyword.col_offset)
        end = Source.column(patches.source, given.lineno, given.col_offset)
        if keyword.lineno != given.lineno:
            raise RefusedError("the call in ", where, " goes on over several lines")
        patches.patches.append(Patch(keyword.lineno, start, end, lead))
    if isinstance(given, ast.Constant) and given.value is None:
        return
    module, beside = _config_beside(found, path, names, call.func)
    patches.replace(given, f"Config(servers=({patches.source.segment(given)},))")
    patches.imports.append(Import("Config", module, beside))


def _config_beside(
    found: Constructor, path: str, names: Names, function: ast.expr
) -> tuple[str, str]:
    """Where a caller gets ``Config`` from, and the import to put it beside."""
    if path == found.path:
        return _config_module(names, found)
    root = function
    while isinstance(root, ast.Attribute):
        root = root.value
    assert isinstance(root, ast.Name)
    origin = names.module.imports.get(root.id)
    if origin is None:
        raise RefusedError(
            "where ", Line(function.lineno, path), ", has the class from is not clear"
        )
    module = origin.removesuffix(f".{found.owner.name}")
    package = module.rpartition(".")[0] if module.rpartition(".")[2] else module
    leading = len(module) - len(module.lstrip("."))
    if leading and package.strip(".") == "":
        return "." * leading + "config", root.id
    return f"{package}.config" if package else "config", root.id
