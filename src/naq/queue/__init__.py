"""Queues, and what goes into them."""

from naq.queue.core import Queue
from naq.queue.sizes import queue_sizes

__all__ = ["Queue", "queue_sizes"]
