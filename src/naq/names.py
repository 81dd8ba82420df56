"""The names of naq's own on a server: subjects, streams, buckets, consumers.

One stream holds the jobs of all queues, one subject a job: ``naq.jobs.<queue>.<job id>``. So the
server knows of one job whether it still waits, and of one queue how long it is; and two jobs of
one id cannot stand in a queue. Retention is by acknowledgement (a work queue).

A prefix in the configuration sets the names of several applications on one server apart.
"""

from __future__ import annotations

import functools
import re
from typing import Final

DEFAULT_QUEUE: Final = "default"
CONSUMER_PREFIX: Final = "naq_"

LONGEST_KEY: Final = 500
LONGEST_TOKEN: Final = 250
"""Characters: a server takes a consumer's name of 255, and a line of 4096 with all its subjects."""

LONGEST_PREFIX: Final = 64
"""Characters: a stream's name has 255 at most."""

KEY_PATTERN: Final = r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*"
_KEY = re.compile(KEY_PATTERN)
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r"=([0-9A-F]{2})")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Names:
    """The names of one application on a server. Without a prefix they are naq's plain ones.

    Two prefixes share no name, and no subject of the one matches a subject of the other.

    Args:
        prefix: stands before each name: ``shop`` makes ``shop_job_results`` of a bucket or stream
            and ``shop.naq.jobs`` of a subject.
    """

    def __init__(self, prefix: str = "") -> None:
        name = f"{prefix}_" if prefix else ""
        subject = f"{prefix}." if prefix else ""

        self.job_stream: Final = f"{name}naq_jobs"
        self.event_stream: Final = f"{name}naq_events"
        self.system_event_stream: Final = f"{name}system_events"
        self.streams: Final = (self.job_stream, self.event_stream, self.system_event_stream)

        self.job_subjects: Final = f"{subject}naq.jobs"
        self.cancel_subjects: Final = f"{subject}naq.cancel"
        self.event_subjects: Final = f"{subject}events"
        self.system_event_subject: Final = f"{subject}system_events"

        self.scheduled_jobs: Final = f"{name}scheduled_jobs"
        self.worker_status: Final = f"{name}worker_status"
        self.worker_details: Final = f"{name}worker_details"
        self.job_results: Final = f"{name}job_results"
        self.job_status: Final = f"{name}job_status"
        self.job_progress: Final = f"{name}job_progress"
        self.failed_jobs: Final = f"{name}failed_jobs"
        self.waiting_jobs: Final = f"{name}waiting_jobs"
        self.set_aside: Final = f"{name}set_aside"
        self.leaders: Final = f"{name}leaders"
        self.job_limits: Final = f"{name}job_limits"
        self.buckets: Final = (
            self.scheduled_jobs,
            self.worker_status,
            self.worker_details,
            self.job_results,
            self.job_status,
            self.job_progress,
            self.failed_jobs,
            self.waiting_jobs,
            self.set_aside,
            self.leaders,
            self.job_limits,
        )

    def queue_subject(self, queue: str) -> str:
        """Return the subject of all jobs of a queue."""
        return f"{self.job_subjects}.{token(queue)}.*"

    def job_subject(self, queue: str, job_id: str) -> str:
        """Return the subject of one job of a queue."""
        return f"{self.job_subjects}.{token(queue)}.{token(job_id)}"

    def job_in_any_queue(self, job_id: str) -> str:
        """Return the pattern of the subject of one job, whatever its queue."""
        return f"{self.job_subjects}.*.{token(job_id)}"

    def cancel_subject(self, job_id: str) -> str:
        """Return the subject on which workers are asked to break off a job."""
        return f"{self.cancel_subjects}.{token(job_id)}"

    def event_subject(self, event_type: str) -> str:
        """Return the subject of the events of a type, which may be a pattern."""
        return f"{self.event_subjects}.{event_type}"


def check_prefix(prefix: str) -> None:
    """Check that a prefix may stand before the names of streams, buckets and subjects.

    Raises:
        ValueError: it may not; the message follows on the setting's name.
    """
    if prefix and (_PREFIX.fullmatch(prefix) is None or len(prefix) > LONGEST_PREFIX):
        raise ValueError(
            f"must be up to {LONGEST_PREFIX} of the characters A-Z a-z 0-9 _ - and begin with a "
            f"letter or a digit, not {prefix!r}"
        )
    if prefix == Names().event_subjects:
        raise ValueError(f"must not be {prefix!r}: its subjects are those of naq without a prefix")


def is_key(text: str) -> bool:
    """Whether a bucket takes the text as a key, and subjects have room for it."""
    return len(text) <= LONGEST_KEY and _KEY.fullmatch(text) is not None


@functools.lru_cache(maxsize=1024)
def is_queue_name(text: str) -> bool:
    """Whether a queue may have the text as its name: any that is not empty, nor far too long."""
    try:
        return len(token(text)) <= LONGEST_TOKEN
    except ValueError:  # empty, or half a character, which UTF-8 can't write
        return False


def token(name: str) -> str:
    """Write any name as one token of a subject, a key and a consumer's name at once.

    Letters, digits, ``-`` and ``_`` stay as they are; every other byte of the UTF-8 form becomes
    ``=XX``: ``e-mail.eu`` is ``e-mail=2Eeu``.

    Raises:
        ValueError: the name is empty.
    """
    if _PLAIN.fullmatch(name):
        return name
    if not name:
        raise ValueError("an empty name")
    return "".join(
        chr(byte) if _PLAIN.fullmatch(chr(byte)) else f"={byte:02X}" for byte in name.encode()
    )


def untoken(text: str) -> str:
    """Read back what :func:`token` has written."""
    return _QUOTED.sub(lambda match: chr(int(match[1], 16)), text).encode("latin-1").decode()


def is_subject_of(subject: str, queue: str, job_id: str) -> bool:
    """Whether a subject is that of a job, whatever stands before the queue's token."""
    both = queue + job_id
    if both.isalnum() and both.isascii():  # as nearly always: they are their own tokens
        return subject.endswith(f".{queue}.{job_id}")
    return subject.endswith(f".{token(queue)}.{token(job_id)}")


def queue_of(subject: str) -> str:
    """Return the queue that a job's subject names."""
    return untoken(subject.split(".")[-2])


def consumer_name(queue: str) -> str:
    """Return the name of the durable consumer that a queue's workers share.

    It needs no prefix: a consumer's name belongs to its stream.
    """
    return CONSUMER_PREFIX + token(queue)


def kv_subject(bucket: str, key: str) -> str:
    """Return the subject on which a bucket stores a key (ADR-8 of the NATS project)."""
    return f"$KV.{bucket}.{key}"
