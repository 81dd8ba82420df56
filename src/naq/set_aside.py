"""Messages that no worker could read: the key-value bucket ``set_aside``.

A worker deletes no message that it does not understand: one of a newer format, one with a malformed
head, one of another program. It moves the message here, with the reason. ``message.<key>`` holds the
unchanged bytes, ``about.<key>`` everything else. So every message fits, and a listing reads no payload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, KeyNotFoundError
from nats.js.kv import KeyValue

from naq.buckets import entries, in_bucket
from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import JobError
from naq.names import kv_subject, untoken
from naq.streams import ensure_stream, job_stream

_STILL_QUEUED: Final = 10077
"""nats-server's code for "maximum messages per subject exceeded"."""


class SetAsideMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a worker could not read.

    Args:
        key: its name in the bucket.
        subject: the subject on which it came.
        reason: why the worker could not read it.
        size: bytes of its payload.
        headers: its headers.
        worker: id of the worker.
        set_aside_at: seconds since the epoch.
        job_id: the job's id, as far as its subject shows.
        function: the name of its function, if its first line is JSON that has one.
        enqueued_at: when the server put it into its queue, in seconds since the epoch.
        deliveries: how often the server has handed it out.
    """

    key: str
    subject: str = ""
    reason: str = "its entry in the bucket set_aside cannot be read"
    size: int = 0
    headers: dict[str, str] = {}
    worker: str = ""
    set_aside_at: float = 0.0
    job_id: str = ""
    function: str = ""
    enqueued_at: float = 0.0
    deliveries: int = 0

    def describe(self) -> dict[str, Any]:
        """Return what a listing shows of it, in JSON's types."""
        described: dict[str, Any] = msgspec.to_builtins(self)
        return described


class _Named(msgspec.Struct):
    function: str = ""


def function_of(data: bytes) -> str:
    """Return the function that the first line of a message names; "" if it names none."""
    try:
        return msgspec.json.decode(data.partition(b"\n")[0], type=_Named).function
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def job_id_of(subject: str) -> str:
    """Return the id of the job that a subject names, as it is written where nobody can read it."""
    token = subject.rpartition(".")[2]
    try:
        return untoken(token)
    except UnicodeError:
        return token


def key_of(sequence: int, data: bytes) -> str:
    """Return the key of a message: the same one each time that the message is set aside.

    Args:
        sequence: its number in the stream of jobs; a new stream counts from 1 again.
        data: its payload.
    """
    return f"{sequence}-{hashlib.sha256(data).hexdigest()[:12]}"


class SetAside:
    """Lists the messages that workers have set aside, and puts them back.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
    """

    def __init__(self, config: Config | str | None = None) -> None:
        self.config = as_config(config)
        self._bucket = self.config.names.set_aside

    async def list(self) -> list[SetAsideMessage]:
        """Return the messages, the oldest first, without their payloads."""

        async def about(kv: KeyValue) -> Mapping[str, KeyValue.Entry]:
            return await entries(kv, "about.*")

        stored = await in_bucket(self._bucket, self.config, about)
        listed = [_read(key.partition(".")[2], entry.value) for key, entry in stored.items()]
        return sorted(listed, key=lambda each: each.set_aside_at)

    async def get(self, key: str) -> tuple[SetAsideMessage, bytes]:
        """Return a message and its payload.

        Raises:
            JobError: there is no such message.
        """

        async def both(kv: KeyValue) -> tuple[bytes | None, bytes | None]:
            about = (await kv.get(f"about.{key}")).value
            return about, (await kv.get(f"message.{key}")).value

        try:
            about, data = await in_bucket(self._bucket, self.config, both)
        except KeyNotFoundError:
            raise JobError(f"no message {key!r} is set aside") from None
        return _read(key, about), data or b""

    async def put_back(self, key: str) -> None:
        """Put a message back on its subject, for a worker that can read it.

        Raises:
            JobError: there is no such message, or a job of its id is in the queue again.
        """
        about, data = await self.get(key)
        if not about.subject:
            raise JobError(f"message {key!r}: {about.reason}")
        headers = dict(about.headers)
        if Header.MSG_ID.value in headers:
            # The server may remember the id that it came with, and drop the message.
            headers[Header.MSG_ID.value] = key
        async with nats_jetstream(self.config) as (_, js):
            await ensure_stream(js, job_stream(self.config))
            try:
                await js.publish(about.subject, data, headers=headers or None)
            except APIError as error:
                if error.err_code != _STILL_QUEUED:
                    raise
                raise JobError(
                    f"message {key!r}: another one is on its subject {about.subject}"
                ) from error
            await _remove(js, self._bucket, key)

    async def delete(self, key: str) -> None:
        """Delete a message for good; one that is not there is no error."""
        async with nats_jetstream(self.config) as (_, js):
            await _remove(js, self._bucket, key)


def _read(key: str, data: bytes | None) -> SetAsideMessage:
    try:
        return msgspec.json.decode(data or b"", type=SetAsideMessage)
    except msgspec.MsgspecError:
        return SetAsideMessage(key=key)


async def _remove(js: JetStreamContext, bucket: str, key: str) -> None:
    # Without a trace: a bucket's own delete would leave a marker for each.
    await js.purge_stream(f"KV_{bucket}", subject=kv_subject(bucket, f"*.{key}"))
