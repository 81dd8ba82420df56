"""Names from migration documents and other clients, and their counterparts in nats-py."""

from __future__ import annotations

import difflib

from flake8_naq.nats_table import table

KEY_NOT_FOUND = "nats.js.errors.KeyNotFoundError"
BUCKET_NOT_FOUND = "nats.js.errors.BucketNotFoundError"

# Names that documents give to two errors: that of a missing key and that of a missing bucket.
MISSING_KEY_OR_BUCKET = frozenset(
    [
        "nats.errors.KeyValueNotFound",
        "nats.errors.KeyValueNotFoundError",
        "nats.js.errors.KeyValueNotFound",
        "nats.js.errors.KeyValueNotFoundError",
    ]
)
COUNTERPARTS = {
    **dict.fromkeys(MISSING_KEY_OR_BUCKET, KEY_NOT_FOUND),
    "nats.errors.KeyNotFound": KEY_NOT_FOUND,
    "nats.errors.BucketNotFound": BUCKET_NOT_FOUND,
    "nats.errors.StreamNotFound": "nats.js.errors.NotFoundError",
    "nats.errors.StreamNotFoundError": "nats.js.errors.NotFoundError",
    "nats.errors.ConsumerNotFound": "nats.js.errors.NotFoundError",
    "nats.errors.ConnectionClosed": "nats.errors.ConnectionClosedError",
    "nats.js.errors.ConsumerNotFoundError": "nats.js.errors.NotFoundError",
    "nats.js.errors.StreamNotFoundError": "nats.js.errors.NotFoundError",
    "nats.js.api.KeyValue": "nats.js.kv.KeyValue",
}
_FETCH = "`next_msg()`, or the subscription of `pull_subscribe()`"
_METHODS = {
    ("kv", "entries"): "`keys()` and `get()`, or `watchall()`",
    ("kv", "list"): "`keys()`",
    ("kv", "list_keys"): "`keys()`",
    ("kv", "items"): "`keys()` and `get()`, or `watchall()`",
    ("subscription", "next"): "`next_msg()`",
    ("subscription", "next_message"): "`next_msg()`",
    ("subscription", "fetch"): _FETCH,
    ("push_subscription", "next"): "`next_msg()`",
    ("push_subscription", "next_message"): "`next_msg()`",
    ("push_subscription", "fetch"): _FETCH,
    ("pull_subscription", "next"): "`fetch()`",
    ("pull_subscription", "next_msg"): "`fetch()`",
    ("jetstream", "create_stream"): "`add_stream()`",
    ("jetstream", "create_consumer"): "`add_consumer()`",
    ("jetstream", "create_kv"): "`create_key_value()`",
    ("connection", "jet_stream"): "`jetstream()`",
    ("connection", "unsubscribe"): "`unsubscribe()` of the subscription",
}
_KEYWORDS = {
    ("connection.connect", "connection_timeout"): "use `connect_timeout`",
    ("connection.connect", "timeout"): "use `connect_timeout`",
    ("connection.connect", "url"): "use `servers`",
    ("connection.connect", "max_reconnects"): "use `max_reconnect_attempts`",
    ("connection.connect", "loop"): "leave it out, the client takes the running loop",
    ("connection.connect", "io_loop"): "leave it out, the client takes the running loop",
    ("connection.subscribe", "callback"): "use `cb`",
    ("connection.subscribe", "is_async"): "leave it out, every `cb` is a coroutine function",
    ("jetstream.subscribe", "callback"): "use `cb`",
    ("kv.put", "ttl"): "use the bucket's `ttl`, set by `create_key_value`",
    ("kv.create", "ttl"): "use `msg_ttl`",
    ("kv.delete", "purge"): "use `purge()`",
}


def right_name(module: str, name: str) -> str | None:
    """The nats-py counterpart of a name that its module does not have."""
    modules: dict[str, list[str]] = table()["modules"]
    right = COUNTERPARTS.get(f"{module}.{name}")
    if right is not None:
        return right
    elsewhere = [found for found, known in modules.items() if name in known]
    if elsewhere:
        # The module that defines an error, then the shortest way to a class.
        return (
            f"{min(elsewhere, key=lambda found: (not found.endswith('errors'), len(found)))}.{name}"
        )
    close = difflib.get_close_matches(name, modules[module], 1, 0.7)
    return f"{module}.{close[0]}" if close else None


def right_method(kind: str, name: str) -> str | None:
    """The call that replaces a method which a handle does not have, as Markdown."""
    right = _METHODS.get((kind, name))
    if right is not None:
        return right
    close = difflib.get_close_matches(name, table()["handles"][kind], 1, 0.8)
    return f"`{close[0]}`" if close else None


def right_keyword(function: str, keyword: str) -> str | None:
    """The fix for a keyword that a method does not take."""
    right = _KEYWORDS.get((function, keyword))
    if right is not None:
        return right
    close = difflib.get_close_matches(keyword, table()["keywords"][function], 1, 0.75)
    return f"use `{close[0]}`" if close else None
