"""Connections to NATS: leases on shared connections, behind context managers."""

from naq.connection.context_managers import (
    jetstream_context,
    nats_connection,
    nats_jetstream,
    nats_kv_store,
)
from naq.connection.decorators import (
    retry_on_connection_failure,
    with_connection_monitoring,
    with_jetstream_context,
    with_kv_store,
    with_nats_connection,
)
from naq.connection.deprecated import (
    close_nats_connection,
    get_jetstream_context,
    get_nats_connection,
)
from naq.connection.health import (
    ConnectionPerformance,
    measure_connection_performance,
    test_jetstream_connection,
    test_nats_connection,
    wait_for_nats_connection,
)
from naq.connection.metrics import (
    ConnectionMetrics,
    ConnectionMonitor,
    get_connection_metrics,
    reset_connection_metrics,
)
from naq.connection.pool import close_all_connections

__all__ = [
    "ConnectionMetrics",
    "ConnectionMonitor",
    "ConnectionPerformance",
    "close_all_connections",
    "close_nats_connection",
    "get_connection_metrics",
    "get_jetstream_context",
    "get_nats_connection",
    "jetstream_context",
    "measure_connection_performance",
    "nats_connection",
    "nats_jetstream",
    "nats_kv_store",
    "reset_connection_metrics",
    "retry_on_connection_failure",
    "test_jetstream_connection",
    "test_nats_connection",
    "wait_for_nats_connection",
    "with_connection_monitoring",
    "with_jetstream_context",
    "with_kv_store",
    "with_nats_connection",
]
