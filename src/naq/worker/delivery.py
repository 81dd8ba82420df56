"""A job as a worker holds it: from the moment the server hands it over until it is acknowledged."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from nats.aio.msg import Msg

from naq.models.job import Job
from naq.models.record import JobRecord
from naq.models.status import JOB_STATUS

_NEW: Final = JobRecord(status=JOB_STATUS.QUEUED)


@dataclass(slots=True, eq=False)
class Delivery:
    """One job in hand.

    Args:
        msg: the message; the newest one, when the server delivered the job again.
        job: what it holds.
        sequence: its number in the stream of jobs.
        delivered: how often the server has handed it out.
        enqueued_at: when the server stored it, in nanoseconds since the epoch.
        record: the stored record of earlier attempts.
        again: how often the server has delivered it while it was in hand.
        suspect: whether a worker may have died of it; then it runs alone.
        renewed_at: monotonic time at which the server last heard that it is in good hands.
        started_at: monotonic time at which its attempt began; 0.0 before.
        leave_at: monotonic time at which its attempt, which has been broken off, is left behind.
        cancelled: whether somebody has asked to break it off.
        over: whether its attempt has ended.
        left: whether it is dealt with although its attempt has not ended.
        recorded: whether ``job_status`` shows it as running.
        announced: whether its start was published as an event.
        refused: whether the server refused its result.
        held_at: monotonic time at which it began to wait for its limit; 0.0 before.
        admitted: whether its limit lets it run.
    """

    msg: Msg
    job: Job
    sequence: int
    delivered: int
    enqueued_at: int
    record: JobRecord = _NEW
    again: int = 0
    suspect: bool = False
    renewed_at: float = field(default_factory=time.monotonic)
    started_at: float = 0.0
    leave_at: float = float("inf")
    cancelled: bool = False
    over: bool = False
    left: bool = False
    recorded: bool = False
    announced: bool = False
    refused: bool = False
    held_at: float = 0.0
    admitted: bool = False

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self.record.failures + 1


def position(msg: Msg) -> tuple[int, int, int]:
    """Return a message's number in its stream, how often it was delivered, and when it was stored.

    The time is in nanoseconds since the epoch. All stand in the reply subject (ADR-15 of the NATS project):
    ``$JS.ACK[.<domain>.<account>].<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.
    <time>.<pending>[.<token>]``.
    """
    tokens = msg.reply.split(".")
    first = 4 if len(tokens) == 9 else 6
    return int(tokens[first + 1]), int(tokens[first]), int(tokens[first + 3])


def left_behind(msg: Msg) -> int:
    """Return how many messages the consumer had left when it delivered this one."""
    tokens = msg.reply.split(".")
    return int(tokens[8 if len(tokens) == 9 else 10])
