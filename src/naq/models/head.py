"""The head of a job: the first line of its wire form, checked as it is read.

Keys that a reader does not know are ignored, so an optional setting may be added without a new
format. A change that an older worker must not overlook raises ``FORMAT``.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from naq.exceptions import JobError, NewerFormatError, SerializationError
from naq.models.limit import Limit
from naq.names import KEY_PATTERN, LONGEST_KEY

FORMAT: Final = 1
"""The version of the wire form; a reader refuses a newer one."""

ParentPolicy = Literal["fail", "cancel", "run"]
"""The policy for a job whose parent fails, is cancelled, or is gone."""

Id = Annotated[str, msgspec.Meta(pattern=rf"\A{KEY_PATTERN}\Z", max_length=LONGEST_KEY)]


class Head(msgspec.Struct, omit_defaults=True):
    """The settings of a job, as JSON holds them.

    ``waits_for`` and ``unkept`` are of a job that waits for others: which of them have not ended,
    and which of them keep no result.
    """

    naq: Annotated[int, msgspec.Meta(ge=1)]
    id: Id
    queue: Annotated[str, msgspec.Meta(min_length=1)]
    function: Annotated[str, msgspec.Meta(pattern=":")]
    serializer: str
    created: float
    retry: dict[str, Any] | None = None
    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None
    retries: Annotated[int, msgspec.Meta(ge=0)] = 0
    retry_on: tuple[str, ...] = ()
    ignore_on: tuple[str, ...] = ()
    depends_on: tuple[Id, ...] = ()
    isolated: bool = False
    result_ttl: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] | None = None
    keep_result: bool = True
    on_parent_failure: ParentPolicy = "fail"
    pass_results: bool = False
    results: tuple[Annotated[int, msgspec.Meta(ge=-1)], ...] = ()
    max_crashes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    keep_arguments: bool = True
    unique: Annotated[float, msgspec.Meta(ge=0)] | None = None
    limit: Limit | None = None
    waits_for: tuple[Id, ...] | None = None
    unkept: tuple[Id, ...] = ()
    headers: dict[str, str] = {}


class _Version(msgspec.Struct):
    naq: int


_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, JobError)

_read = msgspec.json.Decoder(Head).decode
_read_version = msgspec.json.Decoder(_Version).decode
write_head = msgspec.json.Encoder().encode


def read_head(line: bytes) -> Head:
    """Read the head of a job.

    Raises:
        NewerFormatError: a newer naq has written it.
        SerializationError: it is malformed; the message names the key.
    """
    try:
        head = _read(line)
    except _UNREADABLE as error:
        _refuse_newer(line)
        raise SerializationError(f"no job: {error}: {line[:40]!r}") from error
    if head.naq > FORMAT:
        raise _newer(head.naq)
    return head


def _refuse_newer(line: bytes) -> None:
    """Prefer the plain reason: what a newer naq writes need not fit this one's checks."""
    try:
        version = _read_version(line).naq
    except _UNREADABLE:
        return
    if version > FORMAT:
        raise _newer(version)


def _newer(version: int) -> NewerFormatError:
    return NewerFormatError(f"a job of format {version}; this naq reads up to format {FORMAT}")
