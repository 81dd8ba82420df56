"""The errors that a worker waits out."""

from __future__ import annotations

import logging
from typing import Final

import nats.errors
from nats.js.errors import APIError

from naq.connection.nats_py.client import PermissionDeniedError
from naq.exceptions import (
    NaqAuthorizationError,
    NaqConnectionError,
    NaqJetStreamError,
    describe_error,
)

logger = logging.getLogger("naq.worker")

_ELECTIONS: Final = {10004, 10005, 10008, 10009}
"""nats-server's codes for a cluster that has no leader, or too few members, for the moment."""


def raise_unless_passing(raised: Exception, *, is_connected: bool, has_begun: bool) -> None:
    """Log the errors of a lost connection; raise one that does not pass by itself.

    Args:
        raised: an error, or a group of errors.
        is_connected: whether there was a connection.
        has_begun: whether the worker has taken jobs; at the start less is taken for an outage.
    """
    errors = _leaves(raised)
    passing = _is_about_the_server if has_begun else _may_pass
    if not is_connected or not all(map(passing, errors)):
        if isinstance(errors[0], PermissionDeniedError):
            raise NaqAuthorizationError(f"cannot work: {errors[0]}") from errors[0]
        raise errors[0] from errors[0].__cause__
    reasons = "; ".join(dict.fromkeys(map(describe_error, errors)))
    logger.warning("the connection is lost, connecting again: %s", reasons)


def _leaves(error: Exception) -> list[Exception]:
    """Return the exceptions that a task group has collected, or the one that is none of it."""
    if isinstance(error, ExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _may_pass(error: Exception) -> bool:
    """Whether an error at the start may be over soon: an outage, and no refusal."""
    if isinstance(error, PermissionDeniedError):
        return False
    cause = error.__cause__ if isinstance(error, NaqJetStreamError) else error
    if isinstance(cause, APIError):
        return cause.err_code in _ELECTIONS
    return _is_about_the_server(error)


def _is_about_the_server(error: Exception) -> bool:
    return isinstance(error, (NaqConnectionError, nats.errors.Error))
