"""A job: a call for a worker, and its settings."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from naq.exceptions import JobError, SerializationError
from naq.models.checks import (
    check_choices,
    check_numbers,
    check_queue_name,
    checked_id,
    ids_of,
    lists_of,
    moment_of,
    names_of,
    seconds_of,
    strategy_of,
)
from naq.models.functions import import_function, name_of
from naq.models.head import FORMAT, Head, ParentPolicy
from naq.models.limit import Limit
from naq.models.retry import NO_RETRY, RetryStrategy
from naq.models.status import Enqueued
from naq.models.unique import id_of_call, window_of
from naq.models.wire import Call, read_call, read_job, with_settings, write_job
from naq.names import DEFAULT_QUEUE, is_subject_of
from naq.serializers import CLOUDPICKLE, JSON, TYPED, Serializer, get_serializer

T = TypeVar("T")


class HasJobId(Protocol):
    """A job, or what stands for one."""

    @property
    def job_id(self) -> str:
        """The job's id."""
        ...


_BY_NAME: Final = frozenset({JSON.name, TYPED.name})
"""Serializers that hold a function's name only."""


def _checked_name(function: Callable[..., Any] | str) -> str:
    if not isinstance(function, str) and not callable(function):
        raise JobError(
            f"expected a function or its name as package.module:function, got {function!r}"
        )
    name = function if isinstance(function, str) else name_of(function)
    if ":" not in name:
        raise JobError(f"function {function!r}: write it as package.module:function")
    return name


def _of_head(name: str) -> Any:
    """Return a property that reads a setting from the head of a job."""
    return property(attrgetter(f"_head.{name}"))


class Job:
    """A call for a worker to make.

    Args:
        function: a function, or its name as ``package.module:function``. A function that cannot
            be imported by name (a lambda, one of ``__main__``) travels by value, which only
            the cloudpickle serializer can do.
        args: the call's positional arguments.
        kwargs: the call's keyword arguments.
        job_id: the job's name, a unique one by default. A job enqueued again under the same id
            is the same job. Letters, digits and ``-/_=.`` only, as in a key of a bucket.
        queue: the queue's name; any text.
        timeout: seconds (or a timedelta) that one attempt may take; None means no limit.
        retries: how many retries a failed job gets.
        retry: the strategy, or a number of seconds; see :mod:`naq.models.retry`.
        retry_on: exception classes, or their names as ``module:Class``, that are worth a retry;
            empty means all.
        ignore_on: exceptions that are not, regardless of ``retry_on``.
        depends_on: ids of jobs, jobs, or their handles, that must have succeeded first.
        on_parent_failure: what happens to the job when one of them fails, is cancelled, or is
            gone: ``"fail"``, ``"cancel"``, or ``"run"``, which runs it all the same.
        pass_results: call the function with their results before its own arguments, in the order
            of ``depends_on``; None for one that has not succeeded. A sequence says how: None is
            one result, a number is a list of so many.
        isolated: run in a process of its own, which may crash, or be ended at its timeout.
        max_crashes: how many workers may die while they run the job alone, before it fails; None
            is the worker's own limit.
        keep_result: store the result. Without it a job can run again after a crash of the server.
        keep_arguments: keep the call's arguments beside the result, for the dashboard and ``naq job
            show``. Without it no listing shows them; a failed job still has them, to be requeued.
        result_ttl: whole seconds (or a timedelta) for which the result is kept; None is the time
            of the configuration, which is also the upper limit. Needs nats-server 2.11; an older
            server keeps the result as for None.
        unique: True: while the job is queued or runs, no other one of the same function and
            arguments, or of the same ``job_id``, is enqueued. Seconds (or a timedelta): nor, if it
            succeeds, for so long after it was made; its result has to be kept for that time.
        limit: how many of the jobs of a key run at once, or start in a second.
        serializer: a serializer or the name of a registered one.
        created_at: seconds since the epoch.

    Attributes:
        enqueued: the result of enqueueing this job; None before.

    Raises:
        JobError: a setting makes no sense; the message names it.
        SerializationError: there is no such serializer.
    """

    __slots__ = ("_body", "_call", "_head", "_serializer", "_wire", "enqueued")

    job_id: str = _of_head("id")
    queue: str = _of_head("queue")
    function_name: str = _of_head("function")
    serializer: str = _of_head("serializer")
    created_at: float = _of_head("created")
    timeout: float | None = _of_head("timeout")
    retries: int = _of_head("retries")
    retry_on: tuple[str, ...] = _of_head("retry_on")
    ignore_on: tuple[str, ...] = _of_head("ignore_on")
    depends_on: tuple[str, ...] = _of_head("depends_on")
    on_parent_failure: ParentPolicy = _of_head("on_parent_failure")
    pass_results: bool = _of_head("pass_results")
    result_lists: tuple[int, ...] = _of_head("results")
    isolated: bool = _of_head("isolated")
    max_crashes: int | None = _of_head("max_crashes")
    keep_result: bool = _of_head("keep_result")
    result_ttl: int | None = _of_head("result_ttl")
    unkept: tuple[str, ...] = _of_head("unkept")
    keep_arguments: bool = _of_head("keep_arguments")
    unique: float | None = _of_head("unique")
    limit: Limit | None = _of_head("limit")

    def __init__(
        self,
        function: Callable[..., Any] | str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        job_id: str | None = None,
        queue: str = DEFAULT_QUEUE,
        timeout: float | timedelta | None = None,
        retries: int = 0,
        retry: RetryStrategy | float = NO_RETRY,
        retry_on: Iterable[type[BaseException] | str] = (),
        ignore_on: Iterable[type[BaseException] | str] = (),
        depends_on: HasJobId | str | Iterable[HasJobId | str] = (),
        on_parent_failure: ParentPolicy = "fail",
        pass_results: bool | Sequence[int | None] = False,
        isolated: bool = False,
        max_crashes: int | None = None,
        keep_result: bool = True,
        keep_arguments: bool = True,
        result_ttl: float | timedelta | None = None,
        unique: bool | float | timedelta = False,
        limit: Limit | None = None,
        serializer: Serializer | str = CLOUDPICKLE,
        created_at: float | None = None,
    ) -> None:
        # Most of these are not given: a call for each would be a third of the time.
        timeout = None if timeout is None else seconds_of("timeout", timeout)
        result_ttl = None if result_ttl is None else seconds_of("result_ttl", result_ttl)
        check_numbers(timeout, result_ttl, retries, max_crashes)
        check_choices(
            on_parent_failure,
            limit,
            isolated=isolated,
            keep_result=keep_result,
            keep_arguments=keep_arguments,
        )
        check_queue_name(queue)
        self._serializer = get_serializer(serializer) if isinstance(serializer, str) else serializer
        window = None if unique is False else window_of(unique)
        if window and not keep_result:
            raise JobError("a job that is unique for a time is known by its result: keep it")
        name = _checked_name(function)
        if job_id is None and window is not None:
            job_id = id_of_call(queue, name, args, kwargs or {})
        self._head = Head(
            naq=FORMAT,
            id=os.urandom(16).hex() if job_id is None else checked_id(job_id),
            queue=queue,
            function=name,
            serializer=self._serializer.name,
            created=time.time() if created_at is None else moment_of(created_at),
            timeout=timeout,
            retries=retries,
            retry_on=names_of("retry_on", retry_on) if retry_on else (),
            ignore_on=names_of("ignore_on", ignore_on) if ignore_on else (),
            depends_on=ids_of(depends_on) if depends_on else (),
            isolated=isolated,
            result_ttl=None if result_ttl is None else math.ceil(result_ttl),
            keep_result=keep_result,
            keep_arguments=keep_arguments,
            on_parent_failure=on_parent_failure,
            pass_results=pass_results is not False,
            results=() if pass_results is False else lists_of(pass_results),
            max_crashes=max_crashes,
            unique=window,
            limit=limit,
        )
        if self.result_lists:
            _check_lists(self.result_lists, len(self.depends_on))
        if depends_on and self.job_id in self.depends_on:
            raise JobError(f"job {job_id!r} depends on itself")
        self.enqueued: Enqueued | None = None
        self._call: Call | None = Call(
            function, tuple(args), dict(kwargs or {}), strategy_of(retry)
        )
        self._body: bytes = b""
        self._wire: bytes | None = None

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Those of ``depends_on`` that have not ended yet."""
        waits_for = self._head.waits_for
        return self._head.depends_on if waits_for is None else waits_for

    @property
    def headers(self) -> Mapping[str, str]:
        """What others have written on the job, such as a ``traceparent``; see ``add_headers``."""
        return MappingProxyType(self._head.headers)

    def add_headers(self, headers: Mapping[str, str]) -> None:
        """Write headers on the job, which go with it to its worker. Enqueue it afterwards.

        Args:
            headers: names and values; they replace those of the same name.
        """
        merged = {**self._head.headers, **headers}
        if self._wire is not None:
            self._wire = with_settings(self._wire, {"headers": merged})
        self._head.headers = merged

    @property
    def call(self) -> Call:
        """The function (or its name), the arguments and the retry strategy, read when first asked.

        Raises:
            SerializationError: the call cannot be read here.
        """
        if self._call is None:
            self._call = read_call(self._head, self._body)
        return self._call

    @property
    def args(self) -> tuple[Any, ...]:
        """The call's positional arguments."""
        return self.call.args

    @property
    def kwargs(self) -> dict[str, Any]:
        """The call's keyword arguments."""
        return self.call.kwargs

    @property
    def retry(self) -> RetryStrategy:
        """The strategy that gives the delay before a retry."""
        return self.call.retry

    @property
    def retry_function(self) -> str | None:
        """The name of the function that gives the delay before a retry, if the head names one."""
        retry = self._head.retry
        if retry is None or retry.get("kind") != "function":
            return None
        return str(retry.get("name"))

    @property
    def body(self) -> bytes:
        """The call's arguments as they are on the wire."""
        return self._body or self.serialize().partition(b"\n")[2]

    def function(self) -> Callable[..., Any]:
        """Return the function itself.

        Raises:
            SerializationError: it cannot be imported, or read, here.
        """
        if self._call is None and self.serializer in _BY_NAME:
            return import_function(self.function_name)  # the arguments need not be read for that
        function = self.call.function
        return import_function(function) if isinstance(function, str) else function

    def serialize(self) -> bytes:
        """Return the wire form of the job.

        Raises:
            SerializationError: the serializer cannot write the call.
        """
        if self._wire is None:
            self._wire = write_job(self._head, self.call, self._serializer)
        return self._wire

    @classmethod
    def deserialize(cls, data: bytes) -> Job:
        """Read a job from its wire form; the call's arguments are read when first asked for.

        Raises:
            NewerFormatError: a newer naq has written the job.
            SerializationError: the bytes are no job.
        """
        job = cls.__new__(cls)
        job._head, job._body = read_job(data)
        job._call = None
        job._wire = data
        job.enqueued = None
        return job

    @classmethod
    def received(cls, subject: str, data: bytes) -> Job:
        """Read a job that came on a subject, which has to be its own.

        A client may not publish a job under another job's id: its result would be stored as
        the other's.

        Raises:
            NewerFormatError: a newer naq has written the job.
            SerializationError: the bytes are no job, or one of another subject.
        """
        job = cls.deserialize(data)
        try:
            is_own = is_subject_of(subject, job.queue, job.job_id)
        except ValueError:  # the queue's name is no text that UTF-8 can write
            is_own = False
        if not is_own:
            raise SerializationError(
                f"a job of another subject: job {job.job_id!r} of queue {job.queue!r}"
            )
        return job

    def under_id(self, job_id: str, created_at: float) -> Job:
        """Return the same call as a job of another id, without reading the arguments.

        Args:
            job_id: the other job's id.
            created_at: seconds since the epoch.
        """
        return self._with(id=job_id, created=created_at)

    def anew(self, created_at: float) -> Job:
        """Return the same job for a run that takes place whatever runs there were before.

        Args:
            created_at: seconds since the epoch.
        """
        return self._with(created=created_at, unique=None)

    def waiting_for(self, parents: Iterable[str], unkept: Iterable[str] = ()) -> Job:
        """Return the stored form of the job while it waits.

        Args:
            parents: those of ``depends_on`` that have not ended.
            unkept: those of them that leave no result.
        """
        return self._with(waits_for=tuple(parents), unkept=tuple(unkept))

    def _with(self, **settings: Any) -> Job:
        return Job.deserialize(with_settings(self.serialize(), settings))

    @property
    def results_before(self) -> int:
        """How many arguments come before its own, as results of other jobs."""
        if not self.pass_results:
            return 0
        return len(self.result_lists) or len(self.depends_on)

    def in_lists(self, results: Iterable[T]) -> list[T | list[T]]:
        """Return the results of ``depends_on`` as the arguments that they become."""
        left = iter(results)
        if not self.result_lists:
            return list(left)
        return [
            next(left) if size < 0 else list(itertools.islice(left, size))
            for size in self.result_lists
        ]

    def describe(self) -> dict[str, Any]:
        """Return what a listing shows of the job, without reading the call."""
        shown: dict[str, Any] = {
            "job_id": self.job_id,
            "queue": self.queue,
            "function": self.function_name,
            "created_at": self.created_at,
            "serializer": self.serializer,
            "timeout": self.timeout,
            "retries": self.retries,
            "depends_on": list(self.depends_on),
        }
        return shown

    def __repr__(self) -> str:
        return f"Job({self.function_name!r}, job_id={self.job_id!r}, queue={self.queue!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.serialize() == other.serialize()

    def __hash__(self) -> int:
        return hash(self.job_id)


def _check_lists(sizes: tuple[int, ...], parents: int) -> None:
    if sum(1 if size < 0 else size for size in sizes) != parents:
        raise JobError(f"pass_results and depends_on differ: {sizes} of {parents} different jobs")
