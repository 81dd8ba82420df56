"""Rule 23: a connection on an object whose class never closes it."""

import ast
import builtins
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator

from flake8_naq.lifetimes import ModuleAnalysis, Site
from flake8_naq.names import Names, Scope
from flake8_naq.rules.rule import Example, Problem, Rule

# Packages whose classes never close a connection: they do not know of any.
_KNOWN_ROOTS = sys.stdlib_module_names | {"typing_extensions"}
_CLOSING = ("close", "drain")


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report connections kept on `self` when nothing in the module could close them."""
    kept = [site for site in analysis.sites if _is_only_kept(site)]
    if not kept:
        return
    unknown = _classes_of_unknown_bases(analysis.names)
    attributes = _Attributes(analysis.tree)
    for site in kept:
        owner = analysis.names.class_around(analysis.names.scope_of(site.scope))
        if owner is None or owner in unknown:
            continue
        assert isinstance(owner.node, ast.ClassDef)
        assert site.handle is not None
        name = site.handle.removeprefix("self.")
        if not attributes.go_on(name, awaits_close=site.awaits_close):
            message = _message(site, owner.node.name, attributes.idle_closes(name, owner.node))
            yield Problem(site.call, message, site.qualname, site)


def _is_only_kept(site: Site) -> bool:
    """Whether a connection is put on `self`, and goes nowhere else."""
    if site.managed or not site.owned or site.handle is None:
        return False
    root, _, attribute = site.handle.partition(".")
    if root != "self" or not attribute or "." in attribute:
        return False
    return {escape.kind for escape in site.escapes} <= {"stored", "captured"}


def _message(site: Site, owner: str, idle: list[ast.Call]) -> str:
    handle = site.handle
    if idle:
        return (
            f"`{handle}` is never closed by `{owner}`, since nothing awaits `{handle}.close()` on "
            f"line {idle[0].lineno}: await it, in an `async def`"
        )
    return (
        f"`{handle}` is never closed by `{owner}`: give it a `close` (or `__aexit__`) that awaits "
        f"`{handle}.close()`"
    )


def _classes_of_unknown_bases(names: Names) -> set[Scope]:
    """The classes with a base, at any distance, that is neither in the module nor known."""
    derived: dict[Scope, list[Scope]] = defaultdict(list)
    unknown: list[Scope] = []
    for scope in names.scopes.values():
        if not isinstance(scope.node, ast.ClassDef):
            continue
        for base in scope.node.bases:
            own = _own_class(base, names)
            if own is not None:
                derived[own].append(scope)
            elif not _is_known(base, names):
                unknown.append(scope)
    found = set(unknown)
    while unknown:
        for scope in derived[unknown.pop()]:
            if scope not in found:
                found.add(scope)
                unknown.append(scope)
    return found


def _own_class(base: ast.expr, names: Names) -> Scope | None:
    plain = base.value if isinstance(base, ast.Subscript) else base
    if isinstance(plain, ast.Name) and plain.id in names.module.classes:
        return names.scope_of(names.module.classes[plain.id])
    return None


def _is_known(base: ast.expr, names: Names) -> bool:
    """Whether a base is a builtin or of the standard library."""
    plain = base.value if isinstance(base, ast.Subscript) else base
    origin = names.resolve(plain, names.module)
    if origin is None:
        return False
    root, dot, _ = origin.partition(".")
    return root in _KNOWN_ROOTS if dot else hasattr(builtins, root)


class _Attributes:
    """The module's uses of attributes, by name, collected in one walk."""

    def __init__(self, tree: ast.Module) -> None:
        self._idle_closes: dict[str, list[ast.Call]] = defaultdict(list)
        self._closed: set[str] = set()
        self._named: set[str] = set()
        self._loads: dict[str, list[ast.Attribute]] = defaultdict(list)
        self._used_at_once: set[ast.expr] = set()
        idle: set[ast.expr] = set()
        for node in ast.walk(tree):
            match node:
                case ast.Expr(value=ast.Call(func=ast.Attribute() as method) as call):
                    if attribute := _closed_attribute(method):
                        idle.add(method)
                        self._idle_closes[attribute].append(call)
                case ast.Attribute():
                    self._note_attribute(node, is_idle=node in idle)
                case ast.Constant(value=str(text)):
                    self._named.add(text)  # `getattr(self, "nc")`
                case _:
                    self._used_at_once.update(_tested(node))
        for calls in self._idle_closes.values():
            calls.sort(key=_line)
        self._handed_on = {
            attribute
            for attribute, nodes in self._loads.items()
            if not self._used_at_once.issuperset(nodes)
        }

    def idle_closes(self, attribute: str, owner: ast.ClassDef) -> list[ast.Call]:
        """The calls in a class that close an attribute of `self`, and that nothing awaits."""
        calls = self._idle_closes[attribute]
        first = bisect_left(calls, owner.lineno, key=_line)
        return calls[first : bisect_right(calls, owner.end_lineno or owner.lineno, key=_line)]

    def go_on(self, attribute: str, *, awaits_close: bool) -> bool:
        """Whether the module closes an attribute of this name, or passes it to a call."""
        if attribute in self._closed or attribute in self._named:
            return True
        if self._idle_closes[attribute] and not awaits_close:
            return True
        return attribute in self._handed_on

    def _note_attribute(self, node: ast.Attribute, *, is_idle: bool) -> None:
        if isinstance(node.ctx, ast.Load):
            self._loads[node.attr].append(node)
        if isinstance(node.value, ast.Attribute):
            self._used_at_once.add(node.value)
            if node.attr in _CLOSING and not is_idle:
                self._closed.add(node.value.attr)


def _line(call: ast.Call) -> int:
    return call.lineno


def _closed_attribute(method: ast.Attribute) -> str | None:
    """The attribute that ``self.nc.close`` closes."""
    match method:
        case ast.Attribute(
            value=ast.Attribute(value=ast.Name(id="self"), attr=attribute),
            attr="close" | "drain",
        ):
            return attribute
    return None


def _tested(node: ast.AST) -> list[ast.expr]:
    """The expressions that a condition only tests."""
    match node:
        case ast.Compare(left=left):
            return [left]
        case ast.If(test=test) | ast.While(test=test) | ast.UnaryOp(operand=test):
            return [test]
        case ast.BoolOp(values=values):
            return values
    return []


RULE = Rule(
    number="23",
    name="unclosed-connection-attribute",
    defect=True,
    summary="A connection is kept on an object whose class, bases known, never closes it.",
    why="""\
An object may keep a connection if it has an end: a `close`, a `stop` or an `__aexit__` that closes
it. Without one the connection stays open until the process ends. A close that nothing awaits does
nothing: it makes a coroutine and drops it. A class is left alone if it has a base that is neither
in the module nor in the standard library, since the base may close; so is a connection that the
class hands on.
""",
    bad=(
        Example(
            "a service that only starts",
            """\
import nats


class Service:
    async def start(self, url):
        self.nc = await nats.connect(url)

    async def send(self, data):
        await self.nc.publish("events", data)
""",
            {6: "23"},
            left_alone=True,
        ),
        Example(
            "a close that nothing awaits",
            """\
import nats


class Service:
    async def start(self, url):
        self.nc = await nats.connect(url)

    def stop(self):
        self.nc.close()
""",
            {6: "23"},
            left_alone=True,
        ),
        Example(
            "a base of the standard library",
            """\
import asyncio
import threading

import nats


class Listener(threading.Thread):
    def run(self):
        asyncio.run(self.listen())

    async def listen(self):
        self.nc = await nats.connect()
        await self.nc.flush()
""",
            {12: "23"},
            left_alone=True,
        ),
    ),
    good=(
        Example(
            "a service that stops",
            """\
import nats


class Service:
    async def start(self, url):
        self.nc = await nats.connect(url)

    async def stop(self):
        await self.nc.drain()
""",
        ),
        Example(
            "a base from elsewhere may close it",
            """\
import nats
from shop.service import Base


class Service(Base):
    async def start(self, url):
        self.nc = await nats.connect(url)
""",
        ),
        Example(
            "closed on a loop from a method that is no coroutine",
            """\
import asyncio

import nats


class Service:
    async def start(self, url):
        self.loop = asyncio.get_running_loop()
        self.nc = await nats.connect(url)

    def stop(self):
        asyncio.run_coroutine_threadsafe(self.nc.close(), self.loop).result()
""",
        ),
        Example(
            "handed to somebody",
            """\
import nats
from shop.service import register


class Service:
    async def start(self, url):
        self.nc = await nats.connect(url)
        register(self.nc)
""",
        ),
    ),
    check=check,
)
