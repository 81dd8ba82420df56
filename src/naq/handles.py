"""The handle of a job: its result, its status, its cancellation."""

from __future__ import annotations

from typing import Generic, TypeVar

from naq.config import Config, as_config
from naq.models.definition import Definition
from naq.models.info import JobInfo
from naq.models.status import JOB_STATUS, Enqueued
from naq.queue.control import cancel_job, get_job
from naq.results import Results, read_result
from naq.serializers import CLOUDPICKLE

R = TypeVar("R", covariant=True)


class JobHandle(Generic[R]):
    """A job of a task, seen from outside.

    A task's ``enqueue`` returns one, and its ``handle`` makes one of an id that was kept.

    Args:
        task: the task, which knows the type of the result.
        job_id: the job's id.
        config: a configuration, a URL, or None for the process's configuration.
        enqueued: the result of enqueueing the job, if that is known.
    """

    __slots__ = ("config", "enqueued", "job_id", "task")

    def __init__(
        self,
        task: Definition,
        job_id: str,
        config: Config | str | None = None,
        enqueued: Enqueued | None = None,
    ) -> None:
        self.task = task
        self.job_id = job_id
        self.config = as_config(config)
        self.enqueued = enqueued

    async def result(self, *, timeout: float | None = None) -> R:
        """Wait for the result and return it, as the type that the task is annotated with.

        Args:
            timeout: seconds to wait; None waits for ever, 0 does not wait.

        Raises:
            ResultTimeoutError: there was no result in time.
            JobFailedError: the job has failed; it carries the worker's traceback.
            JobCancelledError: the job was cancelled.
            SerializationError: the result does not fit the task's annotation.
            NaqConnectionError: at the start; there is no connection.
        """
        data = await Results(self.config).fetch_stored(self.job_id, timeout=timeout)
        return self.read(data)

    def read(self, data: bytes) -> R:
        """Return the result from its stored form.

        Raises:
            JobFailedError: the job has failed; it carries the worker's traceback.
            JobCancelledError: the job was cancelled.
            SerializationError: the result does not fit the task's annotation.
        """
        task = self.task
        result: R = read_result(
            self.job_id,
            data,
            unpickle=task.serializer.name == CLOUDPICKLE.name,
            typed=task.codec[1] if task.is_typed else None,
        )
        return result

    async def info(self) -> JobInfo | None:
        """Return the state of the job, or None for an unknown job; see :func:`naq.get_job`."""
        return await get_job(self.job_id, self.config)

    async def status(self) -> JOB_STATUS | None:
        """Return the status of the job, or None for an unknown job.

        Raises:
            NaqConnectionError: there is no connection.
        """
        info = await self.info()
        return None if info is None else info.status

    async def cancel(self) -> bool:
        """Cancel the job; return whether there was one. See :func:`naq.cancel_job`.

        Raises:
            NaqConnectionError: there is no connection.
        """
        return await cancel_job(self.job_id, self.config)

    def __repr__(self) -> str:
        return f"JobHandle({self.task.name!r}, {self.job_id!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, JobHandle)
            and self.job_id == other.job_id
            and self.config == other.config
        )

    def __hash__(self) -> int:
        return hash(self.job_id)
