"""Rule 23: a connection on an object whose class never closes it."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import ModuleAnalysis, Site
from flake8_naq.names import Scope
from flake8_naq.rules.rule import Example, Problem, Rule

# Bases that close no connection.
_HARMLESS_BASES = frozenset({"object", "ABC", "Protocol", "Generic", "TestCase"})
_HARMLESS_PREFIXES = ("IsolatedAsyncio",)


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report connections kept on `self` when nothing in the module could close them."""
    for site in analysis.sites:
        if site.managed or not site.owned or site.handle is None:
            continue
        root, _, attribute = site.handle.partition(".")
        owner = analysis.names.class_around(analysis.names.scopes[site.scope])
        if root != "self" or not attribute or "." in attribute or owner is None:
            continue
        classes = _with_bases(owner, analysis)
        if classes is None or not _only_stored(site) or _goes_on(attribute, analysis):
            continue
        assert isinstance(owner.node, ast.ClassDef)
        yield Problem(
            site.call,
            f"`{site.handle}` is never closed by `{owner.node.name}`: give it a `close` (or "
            f"`__aexit__`) that awaits `{site.handle}.close()`",
            site.qualname,
            site,
        )


def _only_stored(site: Site) -> bool:
    return {escape.kind for escape in site.escapes} <= {"stored", "captured"}


def _with_bases(owner: Scope, analysis: ModuleAnalysis) -> list[Scope] | None:
    """The class and its bases, None when one of them is not known."""
    found: list[Scope] = []
    worklist = [owner]
    while worklist:
        scope = worklist.pop()
        if scope in found:
            continue
        found.append(scope)
        bases = _own_bases(scope, analysis)
        if bases is None:
            return None
        worklist += bases
    return found


def _own_bases(scope: Scope, analysis: ModuleAnalysis) -> list[Scope] | None:
    """The bases of a class that are in the module, None when one that matters is elsewhere."""
    assert isinstance(scope.node, ast.ClassDef)
    classes = analysis.names.module.classes
    bases: list[Scope] = []
    for base in scope.node.bases:
        plain = base.value if isinstance(base, ast.Subscript) else base
        name = plain.id if isinstance(plain, ast.Name) else getattr(plain, "attr", "")
        if isinstance(plain, ast.Name) and name in classes:
            bases.append(analysis.names.scopes[classes[name]])
        elif name not in _HARMLESS_BASES and not name.startswith(_HARMLESS_PREFIXES):
            return None
    return bases


def _goes_on(attribute: str, analysis: ModuleAnalysis) -> bool:
    """Whether the module closes an attribute of this name, or hands it to somebody."""
    used_at_once: set[ast.expr] = set()
    for node in ast.walk(analysis.tree):
        match node:
            case ast.Attribute(value=ast.Attribute() as inner, attr=used):
                if inner.attr == attribute:
                    if used in ("close", "drain"):
                        return True
                    used_at_once.add(inner)
            case ast.Compare(left=ast.Attribute() as inner):
                used_at_once.add(inner)
            case ast.If(test=test) | ast.While(test=test) | ast.UnaryOp(operand=test):
                used_at_once.add(test)
            case ast.BoolOp(values=values):
                used_at_once.update(values)
            case ast.Constant(value=str(text)) if text == attribute:
                return True  # `getattr(self, "nc")`
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.ctx, ast.Load)
        and node not in used_at_once
        for node in ast.walk(analysis.tree)
    )


RULE = Rule(
    number="23",
    name="unclosed-connection-attribute",
    defect=True,
    summary="A connection is kept on an object whose class, bases known, never closes it.",
    why="""\
Keeping a connection on an object is fine when the object has an end: a `close`, a `stop` or an
`__aexit__` that closes it. Without one the connection stays open until the process ends. A class
with a base that is not in the module is left alone, since the base may close, and so is a
connection that the class hands to anybody.
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
