"""The page of nats-py's errors: each that an installed nats-py has, and names that it lacks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import nats.errors
import nats.js.errors

from flake8_naq.rules.nats_advice import BUCKET_NOT_FOUND, COUNTERPARTS, MISSING_KEY_OR_BUCKET

MODULES = (nats.errors, nats.js.errors)

MEANINGS = {
    "nats.errors.Error": "Base of all of them.",
    "nats.errors.TimeoutError": "No answer in time. The request may have been carried out.",
    "nats.errors.NoRespondersError": "No subscriber answers requests on this subject.",
    "nats.errors.StaleConnectionError": "The server did not answer pings.",
    "nats.errors.OutboundBufferLimitError": "The client is not connected and `pending_size` bytes wait"
    " to be sent.",
    "nats.errors.UnexpectedEOF": "The server closed the connection.",
    "nats.errors.FlushTimeoutError": "`flush()` had no answer in time.",
    "nats.errors.ConnectionClosedError": "The connection is closed. In a migration: a handle outlived"
    " its `async with` ([rule 13](../rules/NAQ13.md), [rule 14](../rules/NAQ14.md)).",
    "nats.errors.BadSubscriptionError": "The subscription has ended.",
    "nats.errors.BadSubjectError": "The subject is empty or contains spaces.",
    "nats.errors.SlowConsumerError": "A subscription does not keep up. It goes to `error_cb`.",
    "nats.errors.AuthorizationError": "User, token or key is wrong.",
    "nats.errors.NoServersError": "No server of the list can be reached.",
    "nats.errors.MaxPayloadError": "The message is larger than the server's `max_payload`.",
    "nats.errors.DrainTimeoutError": "`drain()` did not end within `drain_timeout`.",
    "nats.errors.ConnectionDrainingError": "The connection drains and takes no new work.",
    "nats.errors.ConnectionReconnectingError": "The connection is lost, and the client reconnects.",
    "nats.errors.NotJSMessageError": "`ack()` or `metadata` of a message that JetStream did not send.",
    "nats.errors.MsgAlreadyAckdError": "The message was acknowledged before.",
    "nats.js.errors.Error": "Base of the errors of JetStream.",
    "nats.js.errors.APIError": "Base of the errors that the server reports, with `code` and `err_code`.",
    "nats.js.errors.ServiceUnavailableError": "JetStream is off, or has no leader (503).",
    "nats.js.errors.ServerError": "The server failed (500).",
    "nats.js.errors.NotFoundError": "No such stream, consumer or message (404).",
    "nats.js.errors.BadRequestError": "The request is not accepted (400), such as a stream that exists"
    " with another configuration.",
    "nats.js.errors.NoStreamResponseError": "No stream takes this subject. Also during an election of"
    " leaders, and for a missing bucket.",
    "nats.js.errors.FetchTimeoutError": "`fetch()` had no message in time.",
    "nats.js.errors.BucketNotFoundError": "There is no such key-value bucket.",
    "nats.js.errors.KeyValueError": "Base of the errors of a bucket's keys.",
    "nats.js.errors.KeyDeletedError": "The key was deleted.",
    "nats.js.errors.KeyNotFoundError": "The key is missing or was deleted.",
    "nats.js.errors.KeyWrongLastSequenceError": "Another writer was faster: `update()` with an old"
    " revision, or `create()` of a key that exists.",
    "nats.js.errors.NoKeysError": "`keys()` of an empty bucket.",
    "nats.js.errors.InvalidKeyError": "A key has other characters than letters, digits and `-/_=.`,"
    " or a dot at an end.",
    "nats.js.errors.InvalidBucketNameError": "A bucket's name has other characters than letters,"
    " digits, `-` and `_`.",
}
"""What an error means, where its message does not say enough."""


def errors() -> Iterator[type[Exception]]:
    """The errors that nats-py defines."""
    for module in MODULES:
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Exception) and found.__module__ == module.__name__:
                yield found


def page() -> str:
    """A heading for each error, so that a search leads to it."""
    return "\n".join([*(_existing(error) for error in errors()), *_missing()])


def _existing(error: type[Exception]) -> str:
    name = f"{error.__module__}.{error.__name__}"
    meaning = f": {MEANINGS[name]}" if name in MEANINGS else "."
    parts = [f"`{name}`{meaning}", _message(error)]
    parts.append(f"Caught by `except {_dotted(error.__bases__[0])}`, too.")
    return f"### {error.__name__}\n\n{' '.join(part for part in parts if part)}\n"


def _message(error: type[Exception]) -> str:
    try:
        text = str(error()).strip()
    except (TypeError, AttributeError):  # it wants arguments
        return ""
    return f"Its message: `{text}`." if text.startswith("nats: ") and "None" not in text else ""


def _dotted(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _missing() -> Iterator[str]:
    yield "## Names that do not exist\n"
    for wrong, right in sorted(COUNTERPARTS.items()):
        rights = f"`{right}`"
        if wrong in MISSING_KEY_OR_BUCKET:
            rights += f" for a missing key, `{BUCKET_NOT_FOUND}` for a missing bucket"
        title = wrong.rpartition(".")[2]
        module = wrong.rpartition(".")[0]
        yield f"### {title} in {module}\n\n`{wrong}` does not exist. Use {rights}.\n"
