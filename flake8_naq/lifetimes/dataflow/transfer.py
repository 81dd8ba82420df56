"""What is known of one connection at one point, and what a step changes of it."""

from __future__ import annotations

import ast

from flake8_naq.lifetimes.cfg.graph import (
    BOX,
    CONNECTION,
    HANDLE,
    HANDLES,
    TRUE,
    Acquire,
    Assume,
    Close,
    Derive,
    Forget,
    Hand,
    Instruction,
    Leave,
    Manage,
    Move,
    Place,
    Use,
    Wrap,
)
from flake8_naq.lifetimes.dataflow.nullness import Knowledge
from flake8_naq.lifetimes.dataflow.state import STRENGTH, State, Status, Way
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import Escape, EscapeKind, Leak, Release
from flake8_naq.lifetimes.vocabulary import CONNECTION_ATTRIBUTES

_WRAPPED = {CONNECTION: BOX, BOX: BOX, HANDLE: HANDLES, HANDLES: HANDLES}
_UNWRAPPED = {BOX: CONNECTION, HANDLES: HANDLE}


class TransferFunction:
    """Applies steps to one state."""

    def __init__(self, trace: Trace, status: Status, way: Way, state: State, line: int) -> None:
        self.trace = trace
        self.status: Status = status
        self.way = way
        self.holders = dict(state.holders)
        self.unsure = state.unsure
        self.line = state.line
        self._known = Knowledge(state.facts)
        self._statement_line = line

    @property
    def state(self) -> State:
        """The state after the steps so far."""
        return State(self.holders, self._known.facts, self.line, self.unsure)

    def apply(self, step: Instruction) -> bool:
        """Apply a step; False when the path ends here."""
        match step:
            case Use():
                self._use(step.source, step.node, step.live)
            case Assume():
                return self._test(step)
            case Forget():
                goes_on = self._kill(step.place)
                if step.fact is not None:
                    self._known.learn(step.place, step.fact)
                return goes_on
            case Move():
                return self._move(step)
            case Derive():
                self._derive(step)
            case Close():
                self._close(step)
            case Leave():
                self._leave(step)
            case Hand():
                self._hand(step)
            case Wrap():
                self._wrap(step)
            case Manage():
                idle = step.idle and self.trace.site.awaits_close
                if self.holders.get(step.source) == CONNECTION and not idle:
                    self.trace.managed = True
            case Acquire():
                if step.site is self.trace.site and self.way == "straight":
                    self.trace.comes_round = True
                # A client that connects again is open again, and with it its handles.
                return self.holders.get(step.place) != CONNECTION and self._kill(step.place)
        return True

    # Holders

    def _holder(self, place: Place) -> Place | None:
        """The place itself or the one it is an attribute of, when that holds the connection."""
        while place not in self.holders:
            place, dot, _ = place.rpartition(".")
            if not dot:
                return None
        return place

    def _kind(self, place: Place) -> str | None:
        """What a place holds; `js._nc` is the connection behind a handle."""
        kind = self.holders.get(place)
        if kind is None and "." in place:
            owner, _, attribute = place.rpartition(".")
            if attribute in CONNECTION_ATTRIBUTES and owner in self.holders:
                return CONNECTION
        return kind

    def _clear(self, place: Place, keep: Place | None = None) -> bool:
        """Forget what a place holds and what is known of it; True when it held something."""
        self._known.forget(place)
        prefix = place + "."
        gone = [
            held
            for held in self.holders
            if (held == place or held.startswith(prefix)) and held != keep
        ]
        for held in gone:
            del self.holders[held]
        if self.unsure:
            self.unsure = self.unsure.difference(gone)
        return bool(gone)

    def _kill(self, place: Place) -> bool:
        """Give a place to something else; False when nothing holds the connection any more."""
        if not self._clear(place) or self.holders:
            return True
        if self.status == "open":
            self.trace.leak(self.way, self.line, Leak(self._statement_line, "rebound"))
        elif self.status == "escaped":
            self.trace.escaped_at_end = True
        return False

    # Steps

    def _use(self, place: Place, node: ast.expr, live: bool) -> None:
        if self._holder(place) is None:
            return
        self.trace.uses.setdefault(node)
        if self.status != "closed":
            self.trace.used_open.add(node)
        elif live:
            self.trace.used_closed.setdefault(node)

    def _move(self, step: Move) -> bool:
        kind = self._kind(step.source)
        if kind is not None and step.element:
            kind = _UNWRAPPED.get(kind)
        if kind is None:
            return self._kill(step.place)
        sure = step.source not in self.unsure
        self._clear(step.place, keep=step.source)
        self.holders[step.place] = kind
        if not sure:
            self.unsure |= {step.place}
        return True

    def _derive(self, step: Derive) -> None:
        held = self._kind(step.source)
        if held is None:
            self.holders.pop(step.place, None)
            return
        self.trace.derived.setdefault(step.derived)
        self.holders[step.place] = HANDLE
        if self.status != "closed":
            self.trace.used_open.add(step.node)
        elif step.live:
            self.trace.used_closed.setdefault(step.node)

    def _wrap(self, step: Wrap) -> None:
        kind = self._kind(step.source)
        if kind is None:
            return
        wrapped = _WRAPPED[kind]
        before = self.holders.get(step.place)
        if before is None or STRENGTH[wrapped] > STRENGTH[before]:
            self.holders[step.place] = wrapped
        if step.collected and kind == CONNECTION:
            self.trace.collected = True
            self._note_escape("container", step.node)

    def _close(self, step: Close) -> None:
        release = step.release
        kind = self._kind(step.source) if step.source is not None else None
        if kind == CONNECTION and step.idle and self.trace.site.awaits_close:
            self.trace.idle_closes.setdefault(release.call)
        elif kind == CONNECTION:
            self.trace.releases.setdefault(release)
            if self.status == "escaped" and release.in_finally:
                self.trace.left_then_closed = True
            self.status = "closed"
            self.trace.close_begun |= step.begun
        elif kind is not None and step.source is not None:
            if kind == BOX:
                self._note_escape("argument", release.call)
            self._use(step.source, _receiver(release.call), live=False)
        elif release.method == "helper" and self.status == "open":
            self._close_by_url(release)

    def _close_by_url(self, release: Release) -> None:
        site = self.trace.site
        arguments = [*release.call.args, *(keyword.value for keyword in release.call.keywords)]
        if not arguments:
            release.matches = site.url is None
        elif not _is_url(arguments[0]):
            return
        else:
            release.matches = site.url is not None and ast.dump(site.url) == ast.dump(arguments[0])
        if site.flavour == "naq":
            self.trace.releases.setdefault(release)
            self.status = "closed"

    def _leave(self, step: Leave) -> None:
        kind = self._kind(step.source)
        if kind is None:
            if self._holder(step.source) is not None and isinstance(step.node, ast.expr):
                self._use(step.source, step.node, live=False)
            return
        if step.kind == "stored" and step.place is not None:
            self.trace.stored_in.add(step.place)
        self._note_escape(step.kind, step.node)
        # What is yielded comes back.
        if self.status == "open" and step.kind != "yielded":
            self.status = "escaped"

    def _hand(self, step: Hand) -> None:
        kind = self._kind(step.source)
        if kind is None:
            self._use(step.source, _receiver(step.node), live=False)
        elif step.closer:
            if kind == CONNECTION:
                self.trace.closer_handed_on = True
        elif step.receiver is not None and self._holder(step.receiver) is not None:
            self._use(step.source, _receiver(step.node), live=False)
        else:
            self._use(step.source, _receiver(step.node), live=False)
            self._note_escape("argument", step.node)

    def _note_escape(self, kind: EscapeKind, node: ast.AST) -> None:
        self.trace.escapes.setdefault((kind, node), Escape(kind, node))

    # Conditions

    def _test(self, step: Assume) -> bool:
        place, answer = step.place, step.answer
        if step.question == "iterated":
            if not answer:
                self._known.learn(step.mark, TRUE)
                return True
            return self.holders.get(place) not in _UNWRAPPED or step.mark in self._known.facts
        if step.question == "same":
            kinds = {self.holders.get(place), self.holders.get(step.mark)}
            # A connection just opened is not one that was there before.
            return CONNECTION not in kinds or (len(kinds) == 1) is answer
        if place in self.holders:
            held = _answer_about_held(step.question, self.status)
            if place not in self.unsure or held is None:
                return held is None or held is answer
            if held is not answer:
                # On these paths it holds something else.
                return self._kill(place)
            self.unsure -= {place}
            return True
        return self._known.test(step)


def _answer_about_held(question: str, status: Status) -> bool | None:
    match question:
        case "truthy" | "bound":
            return True
        case "none":
            return False
        case "connected":
            return status != "closed"
        case "closed":
            return status == "closed"
    return None


def _is_url(argument: ast.expr) -> bool:
    if isinstance(argument, ast.Constant):
        return isinstance(argument.value, str)
    name = ""
    if isinstance(argument, ast.Attribute):
        name = argument.attr
    elif isinstance(argument, ast.Name):
        name = argument.id
    return "url" in name.lower() or "server" in name.lower()


def _receiver(node: ast.AST) -> ast.expr:
    """The expression that stands for a use at a call or an argument."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value
    return node if isinstance(node, ast.expr) else ast.Constant(None)
