"""The definition of a task: a function with settings, whose arguments have types.

The worker runs what a definition holds, and ``enqueue`` makes a job of it. ``naq.task`` puts the verbs
around it.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from naq.exceptions import ArgumentError, JobError, SerializationError
from naq.models.functions import home_of, import_function, name_of
from naq.models.job import Job
from naq.models.outcome import Outcome, value_of
from naq.models.settings import OF_A_JOB, OF_A_TASK, check_names
from naq.models.typed import TypedCall, TypedResult, check_supported, json_of, types_of
from naq.serializers import JSON, TYPED, Serializer, get_serializer, register_serializer

_JSON: Final = frozenset({JSON.name, TYPED.name})


class PreparedCall(NamedTuple):
    """A call that is ready to be made.

    Args:
        function: what to call.
        args: its positional arguments.
        kwargs: its keyword arguments.
        serializer: writes the result.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    serializer: Serializer | str


class Definition:
    """A function and the settings of its jobs.

    Args:
        function: the function.
        settings: settings of its jobs, by their names.

    Raises:
        JobError: it is no function that can be a task, or a setting makes no sense.
    """

    def __init__(self, function: Callable[..., Any], settings: Mapping[str, Any]) -> None:
        _check_function(function)
        functools.update_wrapper(self, function)
        self.__module__ = home_of(function)
        self.function = function
        self.name = name_of(self)
        check_names(settings, OF_A_TASK, f"task {self.name}")
        self.settings = {"serializer": TYPED, **settings}
        serializer = self.settings["serializer"]
        if isinstance(serializer, str):
            serializer = get_serializer(serializer)
        elif serializer is not TYPED:
            register_serializer(serializer)  # so a worker that imports the task knows it
        self.serializer: Serializer = serializer
        Job(self, **{**self.settings, "serializer": serializer})  # whose settings are checked

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function, here and now."""
        return self.function(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Definition) and other.function is self.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return import_function, (self.name,)

    @functools.cached_property
    def codec(self) -> tuple[TypedCall, TypedResult]:
        """The serializers of its arguments and of its result, made when first needed.

        Raises:
            JobError: an annotation is unknown here, or is none that JSON can carry.
        """
        signature = inspect.signature(self.function)
        try:
            hints = typing.get_type_hints(self.function, include_extras=True)
        except Exception as error:
            raise JobError(
                f"task {self.name}: its annotations cannot be resolved: {error}: import their "
                "names at the top of its module, and not for type checkers alone"
            ) from error
        result = hints.pop("return", Any)
        if result in (typing.NoReturn, typing.Never):
            result = None
        types = types_of(signature, hints)
        parameters = {f"parameter {name}": kind for name, kind in types.items()}
        check_supported(self.name, {**parameters, "its result": result})
        return TypedCall(self.name, signature, types), TypedResult(self.name, result)

    @property
    def is_typed(self) -> bool:
        """Whether its jobs are JSON by its annotations."""
        return self.serializer is TYPED

    def check(self) -> None:
        """Check the annotations, which the first use does otherwise.

        Raises:
            JobError: one of them is none that JSON can carry.
        """
        if self.is_typed:
            _ = self.codec

    def make_job(
        self, args: Iterable[Any], kwargs: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> Job:
        """Return a job of the task.

        Args:
            args: positional arguments.
            kwargs: keyword arguments.
            settings: settings of the job, in place of those of the task.

        Raises:
            ArgumentError: the arguments do not fit the function's parameters.
            JobError: a setting is unknown or makes no sense.
            SerializationError: the function cannot be imported by its name.
        """
        check_names(settings, OF_A_JOB, self.name)
        merged = {**self.settings, **settings} if settings else self.settings
        serializer = self.serializer if self.serializer is not TYPED else self.codec[0]
        job = Job(self, tuple(args), kwargs, **{**merged, "serializer": serializer})
        before = job.results_before
        if not isinstance(serializer, TypedCall):
            self._check_arguments(job, before)
        elif before:
            job = Job(self, job.args, kwargs, **{**merged, "serializer": serializer.after(before)})
        job.serialize()  # which checks the arguments
        return job

    def prepare(self, job: Job, parents: Iterable[bytes | None] = ()) -> PreparedCall:
        """Return the call of a job of the task.

        Args:
            job: the job.
            parents: the stored results that come before its own arguments; None is a missing one.

        Raises:
            SerializationError: the arguments or results cannot be read, or do not fit.
        """
        if self.is_typed and job.serializer in _JSON:
            call, result = self.codec
            before = map(_joined, job.in_lists(map(_json_of, parents)))
            args, kwargs = call.read(job.body, tuple(before))
            return PreparedCall(self.function, args, kwargs, result)
        return prepare(job, self.function, parents)

    def _check_arguments(self, job: Job, before: int) -> None:
        try:
            inspect.signature(self.function).bind(*(None,) * before, *job.args, **job.kwargs)
        except TypeError as error:
            raise ArgumentError(f"{self.name}: {error}") from None


def prepare(
    job: Job, function: Callable[..., Any], parents: Iterable[bytes | None] = ()
) -> PreparedCall:
    """Return the call of a job of a plain function, or of a task.

    Args:
        job: the job.
        function: its function, as it is imported.
        parents: the stored results that come before its own arguments; None is a missing one.

    Raises:
        SerializationError: the arguments or results cannot be read, or do not fit.
    """
    if isinstance(function, Definition):
        return function.prepare(job, parents)
    if job.serializer == TYPED.name:
        raise SerializationError(
            f"{job.function_name} has no typed arguments here: it is no task of this worker's code, "
            "or one with another serializer"
        )
    before = job.in_lists(map(value_of, parents))
    return PreparedCall(function, (*before, *job.args), job.kwargs, job.serializer)


def _json_of(stored: bytes | None) -> bytes:
    """Return the JSON of a stored result."""
    if stored is None:
        return b"null"
    json = Outcome.json_of(stored)
    return json_of(value_of(stored)) if json is None else json


def _joined(json: bytes | list[bytes]) -> bytes:
    return json if isinstance(json, bytes) else b"[%b]" % b",".join(json)


def _check_function(function: Callable[..., Any]) -> None:
    if isinstance(function, Definition):
        raise JobError(f"{function.name} is a task already")
    name = name_of(function) if callable(function) else repr(function)
    if isinstance(function, classmethod) or not inspect.isroutine(function):
        raise JobError(f"{name}: a task is a function")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise JobError(f"{name}: a task returns one value, and this is a generator")
    first = next(iter(inspect.signature(function).parameters), "")
    if first in ("self", "cls") and "." in function.__qualname__.rpartition("<locals>.")[2]:
        raise JobError(
            f"{name}: a task is a function, and no method: no worker has the object that {first} is"
        )
