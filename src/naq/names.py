"""The names of jobs and queues on a server: subjects, streams, consumers.

One stream holds the jobs of all queues, one subject a job: ``naq.jobs.<queue>.<job id>``. So the
server knows of one job whether it still waits, and of one queue how long it is; and two jobs of
one id cannot stand in a queue. Retention is by acknowledgement (a work queue).
"""

from __future__ import annotations

import re
from typing import Final

JOB_STREAM: Final = "naq_jobs"
JOB_SUBJECTS: Final = "naq.jobs"
CANCEL_SUBJECTS: Final = "naq.cancel"
DEFAULT_QUEUE: Final = "default"
CONSUMER_PREFIX: Final = "naq_"

LONGEST_KEY: Final = 500
LONGEST_TOKEN: Final = 250
"""Characters: a server takes a consumer's name of 255, and a line of 4096 with all its subjects."""

KEY_PATTERN: Final = r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*"
_KEY = re.compile(KEY_PATTERN)
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r"=([0-9A-F]{2})")


def is_key(text: str) -> bool:
    """Whether a bucket takes the text as a key, and subjects have room for it."""
    return len(text) <= LONGEST_KEY and _KEY.fullmatch(text) is not None


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


def queue_subject(queue: str) -> str:
    """Return the subject of all jobs of a queue."""
    return f"{JOB_SUBJECTS}.{token(queue)}.*"


def job_subject(queue: str, job_id: str) -> str:
    """Return the subject of one job of a queue."""
    return f"{JOB_SUBJECTS}.{token(queue)}.{token(job_id)}"


def is_subject_of(subject: str, queue: str, job_id: str) -> bool:
    """Whether a subject is that of a job, whatever stands before the queue's token."""
    both = queue + job_id
    if both.isalnum() and both.isascii():  # as nearly always: they are their own tokens
        return subject.endswith(f".{queue}.{job_id}")
    return subject.endswith(f".{token(queue)}.{token(job_id)}")


def queue_of(subject: str) -> str:
    """Return the queue that a job's subject names."""
    return untoken(subject.split(".")[2])


def consumer_name(queue: str) -> str:
    """Return the name of the durable consumer that a queue's workers share."""
    return CONSUMER_PREFIX + token(queue)


def cancel_subject(job_id: str) -> str:
    """Return the subject on which workers are asked to break off a job."""
    return f"{CANCEL_SUBJECTS}.{token(job_id)}"


def kv_subject(bucket: str, key: str) -> str:
    """Return the subject on which a bucket stores a key (ADR-8 of the NATS project)."""
    return f"$KV.{bucket}.{key}"
