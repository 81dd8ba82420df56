"""naq: a job queue on NATS JetStream."""

__version__ = "0.1.0"
