"""The inventory as JSON.

The document is an object::

    version       1; a change that breaks a reader raises it
    tool          {"name": "flake8-naq", "version": ...}
    files         how many files were looked at
    managed       how many connections stand in a context manager
    silenced      how many are managed by hand and silenced by noqa or configuration
    tiers         {"high" | "medium" | "low": {"connections": number, "by_hand": number,
                  "closing": {habit: number}, "shapes": {rule number: number}}}
    connections   a list, the most urgent first, of objects:
        path, line, column    where the acquiring call starts; both count from 1
        function              dotted name of the enclosing function or class, "" at module level
        tier                  "high", "medium" or "low"
        shape                 {"rule": "03", "name": "manual-kv-store"}; null when it is owned
                              elsewhere
        category              "A" simple, "B" JetStream, "C" key-value, "D" complex
        closing               "finally", "straight", "some", "never" or "elsewhere"
        operations            how often the connection, or what was derived from it, is used
        handles_errors        whether an except clause covers it
        findings              [{"code": "NAQ211", "message": ...}]
    factories     the project's own functions that open a connection, a list of objects:
        name                  dotted name
        callers               [{"path": ..., "line": ..., "function": ..., "closing": ...}]
"""

from __future__ import annotations

from flake8_naq import __version__
from flake8_naq.report.connections import TIERS, Connection, Inventory, closings, shapes
from flake8_naq.rules import all_rules

VERSION = 1


def document(inventory: Inventory, files: int) -> dict[str, object]:
    """The inventory as the document that the module's docstring describes."""
    return {
        "version": VERSION,
        "tool": {"name": "flake8-naq", "version": __version__},
        "files": files,
        "managed": inventory.managed,
        "silenced": inventory.silenced,
        "tiers": {
            TIERS[tier]: {
                "connections": len(found),
                "by_hand": sum(1 for one in found if one.shape),
                "closing": closings(found),
                "shapes": shapes(found),
            }
            for tier, found in inventory.by_tier()
        },
        "connections": [_connection(one) for one in inventory.connections],
        "factories": [
            {"name": name, "callers": [_caller(one) for one in callers]}
            for name, callers in inventory.factories.items()
        ],
    }


def _caller(one: Connection) -> dict[str, object]:
    return {
        "path": one.path,
        "line": one.line,
        "function": one.function,
        "closing": one.closing,
    }


def _connection(one: Connection) -> dict[str, object]:
    names = {rule.number: rule.name for rule in all_rules()}
    return {
        "path": one.path,
        "line": one.line,
        "column": one.column,
        "function": one.function,
        "tier": TIERS[one.tier],
        "shape": {"rule": one.shape, "name": names[one.shape]} if one.shape else None,
        "category": one.category,
        "closing": one.closing,
        "operations": one.operations,
        "handles_errors": one.handles_errors,
        "findings": [{"code": found.code, "message": found.message} for found in one.findings],
    }
