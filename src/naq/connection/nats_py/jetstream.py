"""nats-py's JetStream context, with a short way to publish."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import nats.errors
import orjson
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, PubAck
from nats.js.errors import APIError, NoStreamResponseError

_USUAL: Final = {"stream", "seq", "duplicate", "domain"}

_BEHIND_ALL: Final = 1 << 40


class NaqJetStream(JetStreamContext):
    """A JetStream context that takes no longer to read an acknowledgement than to wait for it."""

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float | None = None,
        stream: str | None = None,
        headers: dict[str, Any] | None = None,
        msg_ttl: float | None = None,
    ) -> PubAck:
        """Publish a message and wait until the server has stored it."""
        if stream is not None or msg_ttl is not None:
            return await super().publish(subject, payload, timeout, stream, headers, msg_ttl)
        try:
            answer = await self._nc.request(
                subject,
                payload,
                timeout=self._timeout if timeout is None else timeout,
                headers=headers,
            )
        except nats.errors.NoRespondersError as error:
            raise NoStreamResponseError from error
        response = orjson.loads(answer.data)
        if "error" in response:
            APIError.from_error(response["error"])
        return PubAck(**response) if response.keys() <= _USUAL else PubAck.from_response(response)


class DatedConsumer(ConsumerConfig):
    """A consumer's configuration whose start time nats-py before 2.14 can write, too."""

    def as_dict(self) -> dict[str, object]:
        """Return the configuration in JSON's types."""
        result: dict[str, object] = super().as_dict()
        start = result.get("opt_start_time")
        if isinstance(start, datetime):
            result["opt_start_time"] = start.isoformat()
        return result


async def purge_subject(js: JetStreamContext, stream: str, subject: str, timeout: float) -> int:
    """Remove the messages of a subject from a stream; return how many there were.

    nats-py's ``purge_stream`` does not return the count.

    Args:
        js: the JetStream context.
        stream: the stream.
        subject: the subject, which may have wildcards.
        timeout: seconds that the server may take.

    Raises:
        nats.js.errors.NotFoundError: there is no such stream.
    """
    answer = await js._api_request(
        f"$JS.API.STREAM.PURGE.{stream}", orjson.dumps({"filter": subject}), timeout=timeout
    )
    return int(answer["purged"])


async def stream_end(js: JetStreamContext, stream: str) -> tuple[str, int]:
    """Return when a stream was made, and the number of its last message.

    nats-py's ``StreamInfo`` has no time before 2.15.

    Args:
        js: the JetStream context.
        stream: the stream.

    Raises:
        nats.js.errors.NotFoundError: there is no such stream.
    """
    answer = await js._api_request(f"$JS.API.STREAM.INFO.{stream}", timeout=js._timeout)
    return answer["created"], answer["state"]["last_seq"]


async def stream_settings(js: JetStreamContext, stream: str) -> dict[str, Any]:
    """Return the configuration of a stream as the server writes it.

    nats-py's ``StreamConfig`` drops what it does not know, and an update would reset that.

    Args:
        js: the JetStream context.
        stream: the stream.

    Raises:
        nats.js.errors.NotFoundError: there is no such stream.
    """
    answer = await js._api_request(f"$JS.API.STREAM.INFO.{stream}", timeout=js._timeout)
    settings: dict[str, Any] = answer["config"]
    return settings


async def update_stream(js: JetStreamContext, settings: dict[str, Any]) -> None:
    """Change the configuration of a stream to one as :func:`stream_settings` returns it.

    Raises:
        nats.js.errors.APIError: the server refuses.
    """
    await js._api_request(
        f"$JS.API.STREAM.UPDATE.{settings['name']}", orjson.dumps(settings), timeout=js._timeout
    )


async def list_subjects(js: JetStreamContext, stream: str) -> list[str]:
    """Return the subjects that have messages in a stream, or the first 100,000 of them.

    Args:
        js: the JetStream context.
        stream: the stream.

    Raises:
        nats.js.errors.NotFoundError: there is no such stream.
    """
    return list((await _subjects(js, stream, ">", 0))["state"].get("subjects") or ())


async def count_subjects(js: JetStreamContext, stream: str, pattern: str) -> int:
    """Return how many subjects of a pattern have messages in a stream.

    Args:
        js: the JetStream context.
        stream: the stream.
        pattern: a subject, which may have wildcards.

    Raises:
        nats.js.errors.NotFoundError: there is no such stream.
    """
    # A page behind the last one holds no subject, and their number all the same.
    return int((await _subjects(js, stream, pattern, _BEHIND_ALL)).get("total", 0))


async def _subjects(js: JetStreamContext, stream: str, pattern: str, offset: int) -> dict[str, Any]:
    request = orjson.dumps({"subjects_filter": pattern, "offset": offset})
    return await js._api_request(f"$JS.API.STREAM.INFO.{stream}", request, timeout=js._timeout)


async def consumer_infos(js: JetStreamContext, stream: str) -> list[dict[str, Any]]:
    """Return every consumer of a stream as the server describes it.

    nats-py's ``ConsumerInfo`` does not know before 2.13 whether one is paused.

    Args:
        js: the JetStream context.
        stream: the stream.

    Raises:
        nats.js.errors.NotFoundError: there is no such stream.
    """
    found: list[dict[str, Any]] = []
    while True:
        answer = await js._api_request(
            f"$JS.API.CONSUMER.LIST.{stream}",
            orjson.dumps({"offset": len(found)}),
            timeout=js._timeout,
        )
        page = answer.get("consumers") or []
        found += page
        if not page or len(found) >= answer["total"]:
            return found


async def consumer_info(js: JetStreamContext, stream: str, consumer: str) -> dict[str, Any]:
    """Return a consumer as the server describes it.

    Raises:
        nats.js.errors.NotFoundError: there is no such consumer.
    """
    info: dict[str, Any] = await js._api_request(
        f"$JS.API.CONSUMER.INFO.{stream}.{consumer}", timeout=js._timeout
    )
    return info


async def pause_consumer(js: JetStreamContext, stream: str, consumer: str, until: datetime) -> None:
    """Let a consumer deliver nothing until a time; one in the past resumes it (nats-server 2.11).

    Raises:
        nats.js.errors.NotFoundError: there is no such consumer.
    """
    await js._api_request(
        f"$JS.API.CONSUMER.PAUSE.{stream}.{consumer}",
        orjson.dumps({"pause_until": until.isoformat()}),
        timeout=js._timeout,
    )
