"""Calls that in practice do not raise, and so get no exceptional edge."""

from __future__ import annotations

import ast

_FUNCTIONS = frozenset(
    [
        "print",
        "len",
        "isinstance",
        "issubclass",
        "str",
        "repr",
        "bool",
        "id",
        "type",
        "dict",
        "list",
        "set",
        "tuple",
        "frozenset",
        "hasattr",
        "getattr",
        "callable",
        "range",
        "enumerate",
        "zip",
        "reversed",
        "super",
        "vars",
        "locals",
        "dir",
        "object",
        "defaultdict",
        "deque",
        "Counter",
        "OrderedDict",
    ]
)
_LOGGING = frozenset(["debug", "info", "warning", "warn", "error", "exception", "critical", "log"])
_METHODS = frozenset(
    [
        "append",
        "add",
        "extend",
        "items",
        "keys",
        "values",
        "get",
        "setdefault",
        "format",
        "strip",
        "split",
        "lower",
        "upper",
        "join",
        "startswith",
        "endswith",
        "replace",
        "encode",
        "copy",
        "jetstream",
        "jsm",
        "create_task",
        "ensure_future",
        "time",
        "monotonic",
        "perf_counter",
        "now",
        "utcnow",
        "uuid4",
        "getLogger",
        "create_future",
        "get_event_loop",
        "get_running_loop",
        "new_event_loop",
        "set_result",
        "set",
        "cancel",
        "call_soon",
        "call_later",
        "call_at",
        "add_signal_handler",
        "add_done_callback",
        "getenv",
        "isoformat",
        "is_set",
        "done",
        "timeout",
        "timeout_at",
        "move_on_after",
        "fail_after",
    ]
)
_CONSTRUCTORS = frozenset(
    ["Event", "Lock", "Queue", "Semaphore", "Future", "Condition", "NATS", "Client"]
)


def cannot_raise(node: ast.Call) -> bool:
    """Whether a call that is not awaited is taken not to raise.

    Logging, printing, plain accessors and the constructors of asyncio's primitives. In theory
    each can raise; a finding that rests on it would be a doubtful one.
    """
    function = node.func
    if isinstance(function, ast.Name):
        return function.id in _FUNCTIONS or function.id in _CONSTRUCTORS
    if isinstance(function, ast.Attribute):
        name = function.attr
        return name in _METHODS or name in _LOGGING or name in _CONSTRUCTORS
    return False
