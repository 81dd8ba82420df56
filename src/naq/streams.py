"""naq's own streams, and the one idempotent step that makes them."""

from __future__ import annotations

from typing import Final

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError

from naq.config import Config
from naq.names import Names, consumer_name

DUPLICATE_WINDOW: Final = 120.0
"""Seconds for which the server remembers a message id, whatever became of the message."""

ACK_WAIT: Final = 30.0
"""Seconds after which a job whose worker has gone silent is given to another one."""

MAX_ACK_PENDING: Final = 10_000
"""How many jobs of one queue may be with workers at once."""

EVENT_MAX_AGE: Final = 7 * 24 * 3600.0
EVENT_MAX_MESSAGES: Final = 1_000_000

_STREAM_NAME_IN_USE: Final = 10058


def job_stream(config: Config) -> StreamConfig:
    """Return the configuration of the stream of jobs.

    A job is deleted when it is acknowledged. A second one of the same subject, which is the same
    job, is refused while the first one is there.
    """
    return StreamConfig(
        name=config.names.job_stream,
        description="naq: jobs that wait for a worker or are with one",
        subjects=[f"{config.names.job_subjects}.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        num_replicas=config.replicas,
        discard=DiscardPolicy.NEW,
        discard_new_per_subject=True,
        max_msgs_per_subject=1,
        duplicate_window=DUPLICATE_WINDOW,
        allow_direct=True,
    )


def event_stream(config: Config) -> StreamConfig:
    """Return the configuration of the stream of events, which forgets the oldest."""
    return StreamConfig(
        name=config.names.event_stream,
        description="naq: what happened to jobs, workers and schedules",
        subjects=[config.names.event_subject(">")],
        storage=StorageType.FILE,
        num_replicas=config.replicas,
        max_age=EVENT_MAX_AGE,
        max_msgs=EVENT_MAX_MESSAGES,
        allow_direct=True,
    )


def system_event_stream(config: Config) -> StreamConfig:
    """Return the configuration of the stream of system events, which forgets the oldest."""
    return StreamConfig(
        name=config.names.system_event_stream,
        description="naq: events whose storage their publishers have waited for",
        subjects=[config.names.system_event_subject],
        storage=StorageType.FILE,
        num_replicas=config.replicas,
        max_age=EVENT_MAX_AGE,
        max_msgs=EVENT_MAX_MESSAGES,
        allow_direct=True,
    )


async def ensure_stream(js: JetStreamContext, config: StreamConfig) -> None:
    """Create a missing stream; leave an existing one unchanged.

    Raises:
        nats.js.errors.APIError: the server refuses to make it.
    """
    assert config.name is not None
    try:
        await js.stream_info(config.name)
    except NotFoundError:
        try:
            await js.add_stream(config)
        except BadRequestError as error:
            if error.err_code != _STREAM_NAME_IN_USE:  # somebody else made it meanwhile
                raise


async def ensure_consumer(js: JetStreamContext, names: Names, queue: str, ack_wait: float) -> str:
    """Make the durable consumer that a queue's workers share, and return its name.

    Args:
        js: the JetStream context.
        names: the names of the application.
        queue: the queue's name.
        ack_wait: seconds of a worker's silence after which its jobs are given to another one;
            workers that differ in it agree on the last one started.

    Raises:
        nats.js.errors.APIError: the server refuses to make it.
    """
    name = consumer_name(queue)
    await js.add_consumer(
        names.job_stream,
        ConsumerConfig(
            durable_name=name,
            filter_subject=names.queue_subject(queue),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_deliver=-1,
            max_ack_pending=MAX_ACK_PENDING,
        ),
    )
    return name
