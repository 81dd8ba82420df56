"""Turns a trace into a verdict: who owns the connection, and how it is closed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes.cfg.graph import Place
from flake8_naq.lifetimes.context import decorators_of
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import Closing, Escape, LateUse, Site
from flake8_naq.lifetimes.lowering import LoweredScope
from flake8_naq.lifetimes.lowering.closures import Closure
from flake8_naq.names import Scope, dotted, own_nodes

# The order of leaks: the most definite path first.
_PRECEDENCE = {"returns": 0, "rebound": 1, "ends": 2, "raises": 3, "cancelled": 4}


def conclude(trace: Trace, lowered: LoweredScope) -> None:
    """Write the verdict on a connection into its site."""
    site = trace.site
    _note_events(trace)
    captured = list(_capturing(site, lowered))
    _note_uses(trace, captured, lowered.scope)
    if not trace.comes_round or _is_session(site):
        site.in_loop = site.in_loop if isinstance(site.in_loop, _COMPREHENSION) else None
    site.managed = site.managed or trace.managed
    site.owned = site.owned or _is_owned(trace, captured, lowered)
    site.closing = _closing(trace)
    if site.manual or _forgets_the_body(trace, lowered.scope):
        site.leaks = sorted(
            trace.leaks.values(), key=lambda leak: (_PRECEDENCE[leak.how], leak.line)
        )
        if site.handle is None and not site.releases:
            site.leaks = site.leaks[:1]


def _note_events(trace: Trace) -> None:
    """Write derivations, releases and escapes into the site, in source order."""
    site = trace.site
    site.derived = sorted(trace.derived, key=lambda item: _position(item.call))
    site.releases = sorted(trace.releases, key=lambda item: _position(item.call))
    site.idle_closes = sorted(trace.idle_closes, key=_position)
    site.escapes = sorted(trace.escapes.values(), key=lambda item: _position(item.node))
    site.collected = trace.collected
    site.left_then_closed = trace.left_then_closed


def _note_uses(trace: Trace, captured: list[Closure], scope: Scope) -> None:
    """Write the uses into the site, those inside of nested functions included."""
    site = trace.site
    uses = dict(trace.uses)
    for closure in captured:
        for name in _names_of(site):
            uses.update(dict.fromkeys(closure.names.get(name, ())))
    site.uses = sorted(uses, key=_position)
    if not trace.close_begun:
        unpacked = _unpacked_by_loops(scope) if trace.used_closed else set()
        site.late_uses = sorted(
            (use for use in _late_uses(trace) if _root(use.node) not in unpacked),
            key=lambda use: _position(use.node),
        )


def _late_uses(trace: Trace) -> Iterator[LateUse]:
    """The uses that can only run after a close."""
    closing_loops = [loop for loop, ends in trace.turns.items() if ends == {"closed"}]
    for use in trace.used_closed:
        if use not in trace.used_open:
            yield LateUse(use, "after")
        elif any(_comes_again(use, loop) for loop in closing_loops):
            yield LateUse(use, "turn")
    for node, how in {defer.node: defer.how for defer in trace.outlived}.items():
        yield LateUse(node, how)


def _unpacked_by_loops(scope: Scope) -> set[str]:
    """Names that a loop unpacks together: ``for adapter, bus in wired``; one may hold no connection."""
    return {
        item.id
        for node in scope.bindings
        if isinstance(node, (ast.For, ast.AsyncFor)) and isinstance(node.target, ast.Tuple)
        for item in node.target.elts
        if isinstance(item, ast.Name)
    }


def _root(node: ast.expr) -> str:
    return (dotted(node) or "").partition(".")[0]


def _comes_again(use: ast.expr, loop: ast.stmt) -> bool:
    """Whether each turn of a loop uses the same connection: it does not bind the name again."""
    if not loop.lineno <= use.lineno <= (loop.end_lineno or loop.lineno):
        return False
    root = _root(use)
    return not any(
        isinstance(node, ast.Name) and node.id == root and isinstance(node.ctx, ast.Store)
        for node in ast.walk(loop)
    )


def _is_session(site: Site) -> bool:
    """Whether a `while` opens a connection again only after the last one has served.

    A loop inside of it uses the connection, or a wait keeps it open.
    """
    if not isinstance(site.in_loop, ast.While):
        return False
    return any(
        isinstance(node, (ast.While, ast.AsyncFor))
        or (isinstance(node, ast.Call) and not node.args and _is_wait(node.func))
        for statement in site.in_loop.body
        for node in (statement, *own_nodes(statement))
        if getattr(node, "lineno", 0) > site.call.lineno
    )


def _is_wait(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == "wait"


_COMPREHENSION = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def _is_owned(trace: Trace, captured: list[Closure], lowered: LoweredScope) -> bool:
    """Whether the connection leaves the function on purpose, or other code closes it."""
    site = trace.site
    kinds = {escape.kind for escape in site.escapes}
    if "yielded" in kinds or trace.escaped_at_end or trace.closer_handed_on:
        return True
    if "stored" in kinds and (
        lowered.yields or any(_is_known_elsewhere(place, lowered) for place in trace.stored_in)
    ):
        return True
    if _closed_by_a_callback(site, lowered):
        return True
    handed_on = [closure for closure in captured if any(True for _ in _escapes_of(closure, site))]
    site.escapes += [Escape("captured", closure.node) for closure in handed_on]
    if "argument" not in kinds and not handed_on:
        return False
    # The callee may close it, unless the function itself closes it on every path.
    return not site.releases or any(
        leak.how in ("returns", "ends", "rebound") for leak in trace.leaks.values()
    )


def _capturing(site: Site, lowered: LoweredScope) -> Iterator[Closure]:
    names = _names_of(site)
    for closure in lowered.closures.values():
        if names & closure.names.keys():
            yield closure


def _names_of(site: Site) -> set[str]:
    places = [site.handle, *(derived.name for derived in site.derived)]
    return {place.partition(".")[0] for place in places if place and not place.startswith("self.")}


def _escapes_of(closure: Closure, site: Site) -> Iterator[ast.AST]:
    """The escapes of a callback to anything but the connection and its handles."""
    own = _names_of(site)
    for node, receiver in closure.escapes:
        if receiver is None or receiver.partition(".")[0] not in own:
            yield node


def _closed_by_a_callback(site: Site, lowered: LoweredScope) -> bool:
    """Whether a nested function that escapes closes it, itself or by another one."""
    closing = {name for name, closure in lowered.closures.items() if site.handle in closure.closes}
    if not closing:
        return False
    for _ in lowered.closures:
        calling = {
            name
            for name, closure in lowered.closures.items()
            if name not in closing and closing & closure.names.keys()
        }
        if not calling:
            break
        closing |= calling
    return any(
        lowered.closures[name].escapes or lowered.closures[name].borrowed for name in closing
    )


def _is_known_elsewhere(place: Place, lowered: LoweredScope) -> bool:
    """Whether other functions know the attribute or global that the connection is put into."""
    root, dot, attribute = place.partition(".")
    mentions = lowered.context.mentions
    if not dot:
        return mentions.of_name(root, lowered.scope)
    owner = lowered.context.names.class_around(lowered.scope)
    if root not in ("self", "cls") or owner is None:
        return True
    return mentions.of_attribute(attribute, owner, lowered.scope)


def _forgets_the_body(trace: Trace, scope: Scope) -> bool:
    """A context manager that yields its connection and closes it on the straight path only.

    One that closes on a condition does what its caller has asked for.
    """
    return (
        any("contextmanager" in name for name in decorators_of(scope.node))
        and any(escape.kind == "yielded" for escape in trace.site.escapes)
        and bool(trace.site.releases)
        and all(leak.how in ("raises", "cancelled") for leak in trace.leaks.values())
    )


def _closing(trace: Trace) -> Closing:
    site = trace.site
    if site.managed or site.owned:
        return "elsewhere"
    if not site.releases:
        return "never"
    if any(leak.how in ("returns", "ends", "rebound") for leak in trace.leaks.values()):
        return "some"
    return "finally" if any(release.in_finally for release in site.releases) else "straight"


def _position(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
