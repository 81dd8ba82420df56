"""naq: a job queue on NATS JetStream."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from naq.version import __version__ as __version__

if TYPE_CHECKING:
    from naq.api import (
        enqueue,
        enqueue_at,
        enqueue_in,
        enqueue_many,
        fetch_job_result,
        purge_queue,
        schedule,
    )
    from naq.config import Config, configure, get_config
    from naq.connection import (
        close_all_connections,
        jetstream_context,
        nats_connection,
        nats_jetstream,
        nats_kv_store,
    )
    from naq.events import EventManager, EventPublisher, EventSubscriber
    from naq.exceptions import NaqError
    from naq.failed import FailedJobs
    from naq.flow import Group, gather
    from naq.handles import JobHandle
    from naq.inspection import JobDetails, JobPage, job_details, list_jobs
    from naq.middleware import register_enqueue_middleware, unregister_enqueue_middleware
    from naq.models import JOB_STATUS, WORKER_STATUS, Exponential, Fixed, Job, Linear, Schedule
    from naq.models.limit import Limit
    from naq.progress import get_progress, report_progress, watch_progress
    from naq.queue.control import cancel_job, get_job
    from naq.queue.core import Queue
    from naq.queue.overview import QueueInfo, list_queues
    from naq.queue.pausing import pause_queue, resume_queue
    from naq.queue.sizes import queue_sizes
    from naq.results import Results
    from naq.scheduling.scheduler import Scheduler
    from naq.scheduling.store import (
        cancel_scheduled_job,
        list_schedules,
        modify_scheduled_job,
        pause_scheduled_job,
        prune_schedules,
        resume_scheduled_job,
        run_scheduled_job,
    )
    from naq.serializers import register_serializer
    from naq.set_aside import SetAside
    from naq.tasks import Task, task
    from naq.worker.context import JobContext, current_job, lifespan_state
    from naq.worker.core import Worker
    from naq.worker.logs import JobLogFilter
    from naq.worker.status import WorkerStatusManager

# The module of each public name. The first use imports it, so `import naq` costs
# next to nothing, and the command line starts at once.
_HOMES = {
    "naq.api": ("enqueue enqueue_at enqueue_in enqueue_many fetch_job_result purge_queue schedule"),
    "naq.config": "Config configure get_config",
    "naq.connection": (
        "close_all_connections jetstream_context nats_connection nats_jetstream nats_kv_store"
    ),
    "naq.events": "EventManager EventPublisher EventSubscriber",
    "naq.exceptions": "NaqError",
    "naq.inspection": "JobDetails JobPage job_details list_jobs",
    "naq.middleware": "register_enqueue_middleware unregister_enqueue_middleware",
    "naq.models": "JOB_STATUS WORKER_STATUS Exponential Fixed Job Linear Schedule",
    "naq.progress": "get_progress report_progress watch_progress",
    "naq.queue.control": "cancel_job get_job",
    "naq.queue.core": "Queue",
    "naq.queue.pausing": "pause_queue resume_queue",
    "naq.queue.overview": "QueueInfo list_queues",
    "naq.queue.sizes": "queue_sizes",
    "naq.scheduling.store": (
        "cancel_scheduled_job list_schedules modify_scheduled_job pause_scheduled_job "
        "prune_schedules resume_scheduled_job run_scheduled_job"
    ),
    "naq.results": "Results",
    "naq.scheduling.scheduler": "Scheduler",
    "naq.serializers": "register_serializer",
    "naq.set_aside": "SetAside",
    "naq.flow": "Group gather",
    "naq.handles": "JobHandle",
    "naq.models.limit": "Limit",
    "naq.tasks": "Task task",
    "naq.worker.context": "JobContext current_job lifespan_state",
    "naq.worker.core": "Worker",
    "naq.failed": "FailedJobs",
    "naq.worker.logs": "JobLogFilter",
    "naq.worker.status": "WorkerStatusManager",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "JOB_STATUS",
    "WORKER_STATUS",
    "Config",
    "EventManager",
    "EventPublisher",
    "EventSubscriber",
    "Exponential",
    "FailedJobs",
    "Fixed",
    "Group",
    "Job",
    "JobContext",
    "JobDetails",
    "JobHandle",
    "JobLogFilter",
    "JobPage",
    "Limit",
    "Linear",
    "NaqError",
    "Queue",
    "QueueInfo",
    "Results",
    "Schedule",
    "Scheduler",
    "SetAside",
    "Task",
    "Worker",
    "WorkerStatusManager",
    "cancel_job",
    "cancel_scheduled_job",
    "close_all_connections",
    "configure",
    "current_job",
    "enqueue",
    "enqueue_at",
    "enqueue_in",
    "enqueue_many",
    "fetch_job_result",
    "gather",
    "get_config",
    "get_job",
    "get_progress",
    "jetstream_context",
    "job_details",
    "lifespan_state",
    "list_jobs",
    "list_queues",
    "list_schedules",
    "modify_scheduled_job",
    "nats_connection",
    "nats_jetstream",
    "nats_kv_store",
    "pause_queue",
    "pause_scheduled_job",
    "prune_schedules",
    "purge_queue",
    "queue_sizes",
    "register_enqueue_middleware",
    "register_serializer",
    "report_progress",
    "resume_queue",
    "resume_scheduled_job",
    "run_scheduled_job",
    "schedule",
    "task",
    "unregister_enqueue_middleware",
    "watch_progress",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'naq' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
