"""Events: what happens to jobs and workers, and applications' own."""

from naq.events.manager import EventManager, EventStats
from naq.events.publisher import EventPublisher
from naq.events.subscriber import EventSubscriber

__all__ = ["EventManager", "EventPublisher", "EventStats", "EventSubscriber"]
