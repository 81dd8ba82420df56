"""The exceptions of naq, all of them below ``NaqError``.

An error that wraps one of nats-py's is an instance of that class too, so code written against
nats-py still catches it. An exception of the caller's own is never wrapped.
"""

from __future__ import annotations

import ssl

import nats.errors
import nats.js.errors


class NaqError(Exception):
    """The base of every exception that naq raises itself.

    Args:
        message: what went wrong and, if known, what to do.
    """

    def __init__(self, message: str = "") -> None:
        Exception.__init__(self, message)

    def __str__(self) -> str:
        # Repeated because nats-py's classes, later in the resolution order, have fixed texts.
        return str(self.args[0])


class ConfigurationError(NaqError, ValueError):
    """A setting is unknown or has a bad value. The message names the source it came from."""


class NaqConnectionError(NaqError):
    """There is no usable connection. The message names the server."""


class NaqNoServersError(NaqConnectionError, nats.errors.NoServersError):
    """Nothing listens at the configured address, or its name is unknown."""


class NaqTimeoutError(NaqConnectionError, nats.errors.TimeoutError):
    """Something accepts connections there, but does not answer in time."""


class NaqConnectionLostError(NaqTimeoutError):
    """The connection was lost and did not come back in time."""


class NaqAuthorizationError(NaqConnectionError, nats.errors.AuthorizationError):
    """The server refuses the credentials, or their absence."""


class NaqRefusedError(NaqConnectionError, nats.errors.Error):
    """The server refuses the connection: it is full, or no NATS server."""


class NaqTLSError(NaqConnectionError, nats.errors.SecureConnFailedError, ssl.SSLError):
    """A secure connection failed: a certificate expired, is not trusted, and the like."""


class NaqConnectionClosedError(NaqConnectionError, nats.errors.ConnectionClosedError):
    """The connection was closed, or the lease on it has ended."""


class NaqJetStreamError(NaqConnectionError, nats.js.errors.ServiceUnavailableError):
    """The server is there, but JetStream is switched off or out of order."""

    def __init__(self, message: str = "") -> None:
        nats.js.errors.ServiceUnavailableError.__init__(self, code=503, description=message)
        Exception.__init__(self, message)


class JobError(NaqError):
    """A job could not be enqueued, found, controlled or run."""


class ArgumentError(JobError, TypeError):
    """The arguments of a task do not fit its parameters. The message names the one."""


class ResultError(NaqError):
    """A result could not be stored or fetched."""


class ResultTimeoutError(ResultError, TimeoutError):
    """There was no result in time."""


class SerializationError(NaqError):
    """A value can't be turned into bytes, or bytes can't be turned into a value."""


class NewerFormatError(SerializationError):
    """A newer naq has written the bytes, in a format that this one does not know."""


class ScheduleError(NaqError):
    """A schedule makes no sense, or does not exist."""


class JobFailedError(JobError):
    """A job failed for good. The worker's traceback is shown with this exception's own.

    Args:
        message: the job, and the text of its exception.
        traceback: the traceback as Python printed it in the worker.
    """

    def __init__(self, message: str = "", traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
        if traceback:
            self.add_note(f"In the worker:\n{traceback.rstrip()}")


class JobCancelledError(JobFailedError):
    """A job was cancelled before it came to its end."""


class ParentFailedError(JobError):
    """A job that the job depends on has failed, was cancelled, or is gone."""


class JobRefusedError(JobError):
    """The worker may not read or run the job: its operator does not allow it."""


class LifespanError(NaqError):
    """The lifespan of a worker failed, or did not end in time."""


class WorkerMemoryError(NaqError):
    """A worker has more memory than its operator allows."""


class JobTimeoutError(JobError, TimeoutError):
    """An attempt took longer than the job's timeout."""


class JobBlockedError(JobError):
    """An async job blocked the event loop and with it the whole worker."""


class JobCrashedError(JobError):
    """The process that ran the job died of it."""


def describe_error(error: BaseException) -> str:
    """Describe an exception for a person; nats-py's own text is often short.

    Args:
        error: any exception; one of naq's own is its message.
    """
    if isinstance(error, NaqError):
        return str(error)
    description = getattr(error, "description", None)  # KeyNotFoundError's constructor sets none
    if isinstance(error, nats.js.errors.BucketNotFoundError) and description:
        return f"{description}: `naq setup` makes naq's own"
    if isinstance(error, nats.js.errors.APIError) and description:
        return f"the server refuses: {description}"
    if isinstance(error, nats.js.errors.InvalidKeyError):
        return "an id has letters, digits and -/_=. only, with no dot at an end"
    if isinstance(error, nats.js.errors.NoStreamResponseError):
        return "no stream answers: JetStream is out of order, or a stream is missing"
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    if isinstance(error, nats.errors.OutboundBufferLimitError):
        return "the connection to the server is lost"
    text = str(error).removeprefix("nats: ").strip("'")
    return text or type(error).__name__
