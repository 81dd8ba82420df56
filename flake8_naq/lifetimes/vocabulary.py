"""Which functions acquire, derive, close and manage connections, by name."""

from __future__ import annotations

from flake8_naq.lifetimes.facts import Flavour, HandleKind
from flake8_naq.settings import Settings

CONNECT = frozenset({"nats.connect", "nats.client.connect"})
CLIENT_CLASSES = frozenset(
    {
        "nats.NATS",
        "nats.Client",
        "nats.aio.client.Client",
        "nats.aio.client.NATS",
        "nats.client.Client",
    }
)
NAQ_CONNECT = frozenset({"get_nats_connection"})
NAQ_JETSTREAM = frozenset({"get_jetstream_context"})
NAQ_CLOSE = frozenset({"close_nats_connection"})
NAQ_MANAGERS = frozenset({"nats_connection", "nats_jetstream", "nats_kv_store"})

# Methods of a connection or of a handle that give another handle, and what kind.
DERIVING_METHODS: dict[str, HandleKind] = {
    "jetstream": "jetstream",
    "JetStreamContext": "jetstream",
    "jsm": "other",
    "key_value": "kv",
    "create_key_value": "kv",
    "object_store": "other",
    "create_object_store": "other",
    "subscribe": "subscription",
    "pull_subscribe": "subscription",
    "pull_subscribe_bind": "subscription",
    "subscribe_bind": "subscription",
    "watch": "other",
    "watchall": "other",
}
# Attributes of a handle that hold the connection behind it.
CONNECTION_ATTRIBUTES = frozenset({"_nc", "nc", "_client", "client", "_conn", "conn"})
CLOSING_METHODS = frozenset({"close", "drain"})
# Methods that a closed connection still has.
HARMLESS_METHODS = CLOSING_METHODS | {"connect", "jetstream", "jsm"}


class Vocabulary:
    """The built-in names and those that a project has configured."""

    def __init__(self, settings: Settings) -> None:
        self._connect = NAQ_CONNECT.union(settings.connect_functions)
        self._configured_connect = frozenset(settings.connect_functions)
        self._jetstream = NAQ_JETSTREAM.union(settings.jetstream_functions)
        self._close = NAQ_CLOSE.union(settings.close_functions)
        self._managers = NAQ_MANAGERS.union(settings.context_managers)
        openers = (*CONNECT, *self._connect, *self._managers)
        self.opening_names = {name.rpartition(".")[2] for name in openers}

    def connects(self, name: str) -> Flavour | None:
        """Which kind of connection a function of this name opens, None for no connection."""
        if name in CONNECT:
            return "nats-py"
        return "naq" if _listed(name, self._connect) else None

    def is_configured(self, name: str) -> bool:
        """Whether the project named this opener: it may be a plain function."""
        return _listed(name, self._configured_connect)

    def derives_jetstream(self, name: str) -> bool:
        """Whether a function of this name derives JetStream from a connection."""
        return _listed(name, self._jetstream)

    def closes(self, name: str) -> bool:
        """Whether a function of this name closes the connection that it is given."""
        return _listed(name, self._close)

    def manages(self, name: str) -> bool:
        """Whether this is a context manager that yields a connection or a handle."""
        return _listed(name, self._managers)


def _listed(name: str, names: frozenset[str]) -> bool:
    return name in names or name.rpartition(".")[2] in names
