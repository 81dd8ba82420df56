"""Workers: they run jobs."""

from naq.worker.core import Worker

__all__ = ["Worker"]
