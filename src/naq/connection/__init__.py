"""Connections to NATS: leases on shared connections, behind context managers."""

from naq.connection.context_managers import (
    jetstream_context,
    nats_connection,
    nats_jetstream,
    nats_kv_store,
)
from naq.connection.pool import close_all_connections

__all__ = [
    "close_all_connections",
    "jetstream_context",
    "nats_connection",
    "nats_jetstream",
    "nats_kv_store",
]
