"""Whether a test patches its openers: then no connection is opened."""

from __future__ import annotations

import ast

from flake8_naq.names import Scope, dotted

_REPLACING = frozenset(["patch", "object", "setattr"])
_REPLACED = frozenset(["connect", "NATS", "Client"])


def replaces_opener(scope: Scope) -> bool:
    """Whether a function patches nats-py: ``patch.object(bus, "NATS", Fake)``, ``bus.NATS = Fake``."""
    for node in scope.bindings:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(_is_module_attribute(target, scope) for target in targets):
            return True
    return any(_patches(call) for call in [*scope.calls, *_decorators(scope)])


def _is_module_attribute(target: ast.expr, scope: Scope) -> bool:
    if not isinstance(target, ast.Attribute) or target.attr not in _REPLACED:
        return False
    root = (dotted(target) or "").partition(".")[0]
    return root not in ("", "self", "cls") and root not in scope.bound


def _patches(call: ast.Call) -> bool:
    last = (dotted(call.func) or "").rpartition(".")[2]
    if last not in _REPLACING:
        return False
    texts = [node.value for node in call.args[:2] if isinstance(node, ast.Constant)]
    return any(isinstance(text, str) and text.rpartition(".")[2] in _REPLACED for text in texts)


def _decorators(scope: Scope) -> list[ast.Call]:
    decorators = getattr(scope.node, "decorator_list", [])
    return [decorator for decorator in decorators if isinstance(decorator, ast.Call)]
