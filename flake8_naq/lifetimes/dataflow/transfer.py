"""The transfer function: how each instruction changes the state of one connection."""

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
    Defer,
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
from flake8_naq.lifetimes.dataflow.nullness import Nullness
from flake8_naq.lifetimes.dataflow.state import STRENGTH, State, Status, Way
from flake8_naq.lifetimes.dataflow.trace import Trace
from flake8_naq.lifetimes.facts import Escape, EscapeKind, Leak, Release
from flake8_naq.names.vocabulary import CONNECTION_ATTRIBUTES

_WRAPPED = {CONNECTION: BOX, BOX: BOX, HANDLE: HANDLES, HANDLES: HANDLES}
_UNWRAPPED = {BOX: CONNECTION, HANDLES: HANDLE}


class TransferFunction:
    """Applies the instructions of a basic block to one state, and notes events in the trace.

    Args:
        trace: Gets what happens to the connection.
        status: Whether the connection is open, escaped or closed before the block.
        way: How the path came to the block.
        state: What else is known before the block.
        block_line: The line of the block.
    """

    def __init__(
        self, trace: Trace, status: Status, way: Way, state: State, block_line: int
    ) -> None:
        self.trace = trace
        self.status: Status = status
        self.way = way
        self.holders = dict(state.holders)
        self.unsure = state.unsure
        self.deferred = state.deferred
        self.line = state.line
        self._nullness = Nullness(state.facts)
        self._statement_line = block_line

    @property
    def state(self) -> State:
        """The state after the instructions so far."""
        return State(self.holders, self._nullness.facts, self.line, self.unsure, self.deferred)

    def apply(self, instruction: Instruction) -> bool:
        """Apply an instruction; False when the path ends here."""
        match instruction:
            case Use():
                self._use(instruction.source, instruction.node, instruction.live)
            case Assume():
                return self._test(instruction)
            case Forget():
                goes_on = self._kill(instruction.place)
                if instruction.fact is not None:
                    self._nullness.learn(instruction.place, instruction.fact)
                return goes_on
            case Move():
                return self._move(instruction)
            case Derive():
                self._derive(instruction)
            case Defer():
                if self._holder(instruction.source) is not None and self.status != "closed":
                    self.deferred |= {instruction}
            case Close():
                self._close(instruction)
            case Leave():
                self._leave(instruction)
            case Hand():
                self._hand(instruction)
            case Wrap():
                self._wrap(instruction)
            case Manage():
                idle = instruction.idle and self.trace.site.awaits_close
                if self.holders.get(instruction.source) == CONNECTION and not idle:
                    self.trace.managed = True
            case Acquire():
                if instruction.site is self.trace.site and self.way == "straight":
                    self.trace.comes_round = True
                # A client that connects again is open again, and with it its handles.
                return self.holders.get(instruction.place) != CONNECTION and self._kill(
                    instruction.place
                )
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
        """The kind of a holder; `js._nc` is the connection behind a handle."""
        kind = self.holders.get(place)
        if kind is None and "." in place:
            owner, _, attribute = place.rpartition(".")
            if attribute in CONNECTION_ATTRIBUTES and owner in self.holders:
                return CONNECTION
        return kind

    def _clear(self, place: Place, keep: Place | None = None) -> bool:
        """Drop a place from the holders, and its facts; True if it was a holder."""
        self._nullness.forget(place)
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
        """Bind a place to another value; False if the connection has no holder left."""
        if not self._clear(place) or self.holders:
            return True
        if self.status == "open":
            self.trace.leak(self.way, self.line, Leak(self._statement_line, "rebound"))
        elif self.status == "escaped":
            self.trace.escaped_at_end = True
        return False

    # Instructions

    def _use(self, place: Place, node: ast.expr, live: bool) -> None:
        if self._holder(place) is None:
            return
        self.trace.uses.setdefault(node)
        if self.status != "closed":
            self.trace.used_open.add(node)
        elif live:
            self.trace.used_closed.setdefault(node)

    def _move(self, instruction: Move) -> bool:
        kind = self._kind(instruction.source)
        if kind is not None and instruction.element:
            kind = _UNWRAPPED.get(kind)
        if kind is None:
            return self._kill(instruction.place)
        sure = instruction.source not in self.unsure
        self._clear(instruction.place, keep=instruction.source)
        self.holders[instruction.place] = kind
        if not sure:
            self.unsure |= {instruction.place}
        return True

    def _derive(self, instruction: Derive) -> None:
        held = self._kind(instruction.source)
        if held is None:
            self.holders.pop(instruction.place, None)
            return
        self.trace.derived.setdefault(instruction.derived)
        self.holders[instruction.place] = HANDLE
        if self.status != "closed":
            self.trace.used_open.add(instruction.node)
        elif instruction.live:
            self.trace.used_closed.setdefault(instruction.node)

    def _wrap(self, instruction: Wrap) -> None:
        kind = self._kind(instruction.source)
        if kind is None:
            return
        wrapped = _WRAPPED[kind]
        before = self.holders.get(instruction.place)
        if before is None or STRENGTH[wrapped] > STRENGTH[before]:
            self.holders[instruction.place] = wrapped
        if instruction.collected and kind == CONNECTION:
            self.trace.collected = True
            self._note_escape("container", instruction.node)

    def _close(self, instruction: Close) -> None:
        release = instruction.release
        kind = self._kind(instruction.source) if instruction.source is not None else None
        if kind == CONNECTION and instruction.idle and self.trace.site.awaits_close:
            self.trace.idle_closes.setdefault(release.call)
        elif kind == CONNECTION:
            self.trace.releases.setdefault(release)
            if self.status == "escaped" and release.in_finally:
                self.trace.left_then_closed = True
            self.status = "closed"
            self.trace.close_begun |= instruction.begun
            self.trace.outlived.update(dict.fromkeys(self.deferred))
        elif kind is not None and instruction.source is not None:
            if kind == BOX:
                self._note_escape("argument", release.call)
            self._use(instruction.source, _receiver(release.call), live=False)
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

    def _leave(self, instruction: Leave) -> None:
        kind = self._kind(instruction.source)
        if kind is None:
            if self._holder(instruction.source) is not None and isinstance(
                instruction.node, ast.expr
            ):
                self._use(instruction.source, instruction.node, live=False)
            return
        if instruction.kind == "stored" and instruction.place is not None:
            self.trace.stored_in.add(instruction.place)
        self._note_escape(instruction.kind, instruction.node)
        # A yielded connection comes back.
        if self.status == "open" and instruction.kind != "yielded":
            self.status = "escaped"

    def _hand(self, instruction: Hand) -> None:
        kind = self._kind(instruction.source)
        if kind is None:
            self._use(instruction.source, _receiver(instruction.node), live=False)
        elif instruction.closer:
            if kind == CONNECTION:
                self.trace.closer_handed_on = True
        elif (instruction.only_connection and kind in (HANDLE, HANDLES)) or (
            instruction.receiver is not None and self._holder(instruction.receiver) is not None
        ):
            self._use(instruction.source, _receiver(instruction.node), live=False)
        else:
            self._use(instruction.source, _receiver(instruction.node), live=False)
            self._note_escape("argument", instruction.node)

    def _note_escape(self, kind: EscapeKind, node: ast.AST) -> None:
        self.trace.escapes.setdefault((kind, node), Escape(kind, node))

    # Conditions

    def _test(self, instruction: Assume) -> bool:
        place, answer = instruction.place, instruction.answer
        if instruction.question == "iterated":
            if not answer:
                self._nullness.learn(instruction.mark, TRUE)
                return True
            return (
                self.holders.get(place) not in _UNWRAPPED
                or instruction.mark in self._nullness.facts
            )
        if instruction.question == "same":
            kinds = {self.holders.get(place), self.holders.get(instruction.mark)}
            # A connection just opened is not one that was there before.
            return CONNECTION not in kinds or (len(kinds) == 1) is answer
        if place in self.holders:
            held = _answer_about_held(instruction.question, self.status)
            if place not in self.unsure or held is None:
                return held is None or held is answer
            if held is not answer:
                # On these paths it holds something else.
                return self._kill(place)
            self.unsure -= {place}
            return True
        return self._nullness.assume(instruction)


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
