"""The functions that acquire, derive, close and manage connections, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flake8_naq.settings import Settings

Flavour = Literal["naq", "nats-py"]
HandleKind = Literal["jetstream", "kv", "subscription", "other"]

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

# Methods of a connection or of a handle that return another handle, and its kind.
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


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a name.

    Attributes:
        is_naq: Whether it may be naq's own: imported from there, or from an unknown place.
        names: Every dotted name that it has in the project.
    """

    is_naq: bool
    names: frozenset[str]


class Vocabulary:
    """The built-in names and those that a project has configured.

    A known origin decides; a name without one counts by its own text.
    """

    def __init__(self, settings: Settings) -> None:
        self._connect = frozenset(settings.connect_functions)
        self._jetstream = frozenset(settings.jetstream_functions)
        self._close = frozenset(settings.close_functions)
        self._managers = frozenset(settings.context_managers)
        openers = (*CONNECT, *NAQ_CONNECT, *self._connect, *NAQ_MANAGERS, *self._managers)
        self.opening_names = {name.rpartition(".")[2] for name in openers}
        configured = self._connect | self._jetstream | self._close | self._managers
        # A name among several may belong to any origin.
        sole = settings.context_managers if len(settings.context_managers) == 1 else ("",)
        self.manager_option = sole[0].rpartition(".")[2]
        self.dotted_options = frozenset(name for name in configured if "." in name)

    def connects(self, name: str, origin: Origin | None = None) -> Flavour | None:
        """The kind of connection that a function of this name opens, None for no connection."""
        if name in CONNECT:
            return "nats-py"
        return "naq" if _listed(name, NAQ_CONNECT, self._connect, origin) else None

    def is_configured(self, name: str, origin: Origin | None = None) -> bool:
        """Whether the project named this opener: it may be a plain function."""
        return _listed(name, frozenset(), self._connect, origin)

    def derives_jetstream(self, name: str, origin: Origin | None = None) -> bool:
        """Whether a function of this name derives JetStream from a connection."""
        return _listed(name, NAQ_JETSTREAM, self._jetstream, origin)

    def closes(self, name: str, origin: Origin | None = None) -> bool:
        """Whether a function of this name closes the connection that it is given."""
        return _listed(name, NAQ_CLOSE, self._close, origin)

    def manages(self, name: str, origin: Origin | None = None) -> bool:
        """Whether this is a context manager that yields a connection or a handle."""
        return _listed(name, NAQ_MANAGERS, self._managers, origin)


def _listed(
    name: str, builtin: frozenset[str], configured: frozenset[str], origin: Origin | None
) -> bool:
    last = name.rpartition(".")[2]
    if last in builtin and (origin is None or origin.is_naq):
        return True
    if last in configured or name in configured:
        return True
    return origin is not None and not configured.isdisjoint(origin.names)
