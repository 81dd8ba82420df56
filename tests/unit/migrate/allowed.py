"""Whether two traces are equal under the axioms."""

from __future__ import annotations

from tests.unit.migrate.tracing import Event, Trace


def difference(before: Trace, after: Trace) -> str:
    """Why two runs with the same fault are not equal under the axioms, empty if they are."""
    old, new = _others(before), _others(after)
    new = _without_late_callbacks(old, new, before)
    fault = before.failed
    if before.unbound is not None:
        return _begin(before, after, before.unbound)
    if fault is not None and fault.kind == "close":
        if fault.connection in after.leased:
            # The end of a shared lease closes nothing, so it cannot fail.
            return _begin(before, after, before.events.index(fault))
        quiet = fault.connection not in before.called_back
        if quiet and "CancelledError" not in before.outcome:
            return _begin(before, after, before.events.index(fault))
        if quiet:
            # What stands after the close may run, what cannot reach the connection may not.
            old, new = _hard(old), _hard(new)
            if not _is_subsequence(old, new):
                return _compare(old, new)
            return _outcome(before, after)
    return (
        _compare(old, new)
        or _outcome(before, after)
        or _drains(before, after)
        or _closes(before, after)
    )


def _others(trace: Trace) -> list[Event]:
    return [event for event in trace.events if event.kind not in ("close", "guard", "task")]


def _hard(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind == "hard"]


def _without_late_callbacks(old: list[Event], new: list[Event], before: Trace) -> list[Event]:
    """Leave out what the callbacks of a connection do that is now closed as the function ends."""
    added = [event for event in new if event.leaving in before.open and event.leaving]
    late = new[len(old) :]
    return new[: len(old)] if added and late == added else new


def _compare(old: list[Event], new: list[Event]) -> str:
    names = [event.name for event in old], [event.name for event in new]
    return "" if names[0] == names[1] else f"effects: {names[0]} / {names[1]}"


def _outcome(before: Trace, after: Trace) -> str:
    if before.outcome == after.outcome:
        return ""
    return f"outcome: {before.outcome} / {after.outcome}"


def _begin(before: Trace, after: Trace, end: int) -> str:
    """Up to a close that fails, both have the same effects that keep their place."""
    old = [event for event in before.events[:end] if event.kind == "hard"]
    return _compare(old, _hard(_others(after))[: len(old)])


def _is_subsequence(old: list[Event], new: list[Event]) -> bool:
    rest = iter(event.name for event in new)
    return all(event.name in rest for event in old)


def _drains(before: Trace, after: Trace) -> str:
    """What was drained still is, or by a manager of naq's."""
    drains = [
        {e.connection for e in trace.events if e.name.startswith("drain")} - after.managed
        for trace in (before, after)
    ]
    return "" if drains[0] == drains[1] else f"drained: {drains[0]} / {drains[1]}"


def _closes(before: Trace, after: Trace) -> str:
    """Each connection is closed between the same effects that keep their place."""
    old, new = _places(before), _places(after)
    for connection, place in old.items():
        if connection in after.leased:
            continue
        if connection not in new:
            return f"{connection} is no longer closed"
        if place != new[connection]:
            return f"{connection} is closed at another place: {place} / {new[connection]}"
    leaving = {event.connection for event in after.events if event.leaving == event.connection}
    drained = before.failed is not None and before.failed.name.startswith("drain")
    for connection in () if drained else new.keys() - old.keys():
        if connection in before.open and connection not in leaving:
            return f"{connection} was left open, and is now closed"
    if after.open - before.open:
        return f"{after.open} stays open"
    return ""


def _places(trace: Trace) -> dict[str, int]:
    """For each connection that is closed, how many effects that keep their place come before."""
    places: dict[str, int] = {}
    hard = 0
    for event in trace.events:
        if event.kind == "close":
            places.setdefault(event.connection, hard)
        elif event.kind == "hard":
            hard += 1
    return places
