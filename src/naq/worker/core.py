"""The worker: takes jobs from queues and runs them."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from typing import Any, Final, Literal

import nats.errors
from nats.aio.msg import Msg

from naq.config import Config, as_config
from naq.connection import nats_jetstream, nats_kv_store
from naq.exceptions import (
    JobError,
    NaqConnectionError,
    WorkerMemoryError,
)
from naq.models.finished import COMPLETED, finished
from naq.models.job import Job
from naq.models.status import JOB_STATUS
from naq.names import DEFAULT_QUEUE, is_key, kv_subject
from naq.serializers import CLOUDPICKLE, JSON, TYPED, get_serializer, registered_names
from naq.streams import ACK_WAIT
from naq.worker.allow import AllowList
from naq.worker.context import JobContext
from naq.worker.delivery import position
from naq.worker.execute import Executor, JobMiddleware, checked_middleware
from naq.worker.lifespan import Lifespan
from naq.worker.metrics import Metrics
from naq.worker.order import QueueOrder, order_of
from naq.worker.outage import raise_unless_passing
from naq.worker.probe import Answer, Exposed, ProbeServer, as_answer
from naq.worker.session import Session
from naq.worker.settings import Counters, WorkerSettings
from naq.worker.stopping import StopRequest

logger = logging.getLogger("naq.worker")

MAX_CRASHES: Final = 3
"""How many workers may die while they run a job alone, before it fails."""

RETRY_CONNECT_AFTER: Final = 1.0
"""Seconds between two attempts of a running worker to get a connection."""


class Worker:
    """Takes jobs from queues and runs them until it is asked to stop.

    Args:
        queues: the queues' names, one or several; None is those that the tasks in ``allow`` name,
            or else ``default``. A mapping gives each its weight, as in ``{"hi": 3, "lo": 1}``.
        config: a configuration, a URL, or None for the process's configuration.
        order: ``"turns"`` serves all queues alike; ``"strict"`` serves a queue when those before it
            are empty; ``"weighted"`` gives each its share, and is the default with weights.
        concurrency: how many jobs run at once. Async functions run in the event loop, others in
            threads.
        worker_id: the worker's name, a unique one by default. Letters, digits and ``-/_=.`` only,
            as in a key of a bucket.
        prefetch: how many jobs wait in the worker beside those that run. By default as many as
            are done in a twentieth of a second, so none when jobs take long.
        ack_wait: seconds of silence after which the server gives a worker's jobs to another one.
        shutdown_timeout: seconds that running jobs have when the worker stops; those
            that take longer are given back.
        block_limit: seconds that an async job may hold the event loop; 0 switches the guard off.
        exit_when_blocked: end the process when three times ``block_limit`` have passed and
            the loop still stands; for a worker that has the process to itself.
        memory_limit: bytes of memory that an isolated job may have; None is no limit.
        max_memory: bytes of memory that the worker's process may have; None is no limit. A worker
            that has more ends: the jobs that it runs are suspects, as after a crash.
        max_crashes: how many workers may die while they run a job alone, before it fails; for
            jobs that do not say it themselves.
        serializers: names of the serializers whose jobs it reads; None is all, or all but pickle
            where ``allow`` is given.
        allow: the functions that it runs, themselves or as ``"app.tasks:send"``, and modules whose
            functions it runs, as ``"app.tasks"``. They are imported at once. Pickle is then read
            for tasks only that ask for it. Without a list, a client
            that can write to the server can run any code here. A worker that reads no pickle needs
            it, since a name in JSON, such as ``os:system``, is code as well.
        lifespan: a function that takes the worker and returns an async context manager. The worker
            enters it before its first job and leaves it after its last one; a lost connection
            changes nothing. Its jobs find what it yields in ``current_job().state``, and typed by
            ``lifespan_state``. Its end may take ``shutdown_timeout`` seconds.
        middleware: async functions around each attempt, the first outermost. Each is called with
            the :class:`JobContext` and with ``call_next``, to be awaited with the same; what it
            returns is the job's result, and what it raises is the attempt's failure.
        metrics: collect what happens to the jobs, as ``naq.prometheus`` and ``naq.otel`` do.
        health_port: answer probes over HTTP on this port while the worker runs: ``/healthz`` as long
            as the event loop turns, ``/readyz`` while it takes jobs, ``/metrics`` where the
            metrics are Prometheus's. 0 is a free port.
        health_host: the address to listen at; None is all of them.
        events: publish events of jobs and of the worker.
        burst: stop when the queues are empty.

    Raises:
        JobError: a setting makes no sense, or what ``allow`` names cannot be imported.
        SerializationError: there is no serializer of a name.
    """

    def __init__(
        self,
        queues: str | Iterable[str] | Mapping[str, int] | None = None,
        config: Config | str | None = None,
        *,
        order: QueueOrder | Literal["turns", "strict", "weighted"] | None = None,
        concurrency: int = 10,
        worker_id: str | None = None,
        prefetch: int | None = None,
        ack_wait: float = ACK_WAIT,
        shutdown_timeout: float = 30.0,
        block_limit: float = 10.0,
        exit_when_blocked: bool = False,
        memory_limit: int | None = None,
        max_memory: int | None = None,
        max_crashes: int = MAX_CRASHES,
        serializers: Iterable[str] | None = None,
        allow: Iterable[Callable[..., Any] | str] | None = None,
        lifespan: Callable[[Worker], AbstractAsyncContextManager[Any]] | None = None,
        middleware: Iterable[JobMiddleware] = (),
        metrics: Iterable[Metrics] = (),
        health_port: int | None = None,
        health_host: str | None = None,
        events: bool = True,
        burst: bool = False,
    ) -> None:
        readable, allowed = _permissions(serializers, allow)
        if queues is None:
            queues = (allowed.queues if allowed else ()) or DEFAULT_QUEUE
        weights, in_order = order_of(queues, order)
        if worker_id is not None and not is_key(worker_id):
            raise JobError(
                f"worker id {worker_id[:40]!r}: use letters, digits and -/_=. with no dot at an end"
            )
        if concurrency < 1:
            raise JobError(f"concurrency must be 1 or more, not {concurrency}")
        if ack_wait <= 0:
            raise JobError(f"ack_wait must be a positive number of seconds, not {ack_wait!r}")
        if max_crashes < 1:
            raise JobError(f"max_crashes must be 1 or more, not {max_crashes!r}")
        self.settings = WorkerSettings(
            queues=tuple(weights),
            weights=tuple(weights.values()),
            order=in_order,
            config=as_config(config),
            worker_id=worker_id or f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
            concurrency=concurrency,
            prefetch=prefetch,
            ack_wait=ack_wait,
            shutdown_timeout=shutdown_timeout,
            block_limit=block_limit,
            exit_when_blocked=exit_when_blocked,
            memory_limit=memory_limit,
            max_memory=max_memory,
            max_crashes=max_crashes,
            serializers=readable,
            allowed=allowed,
            middleware=checked_middleware(middleware),
            metrics=tuple(metrics),
            events=events,
            burst=burst,
        )
        self.abandoned_jobs = 0
        self.has_left_lifespan = False
        self._lifespan = lifespan or (lambda _: nullcontext())
        self._counters = Counters()
        self._stop = StopRequest()
        self._health = (health_port, health_host)
        self._is_up = False
        self._session: Session | None = None

    @property
    def queues(self) -> tuple[str, ...]:
        """The names of its queues."""
        return self.settings.queues

    @property
    def config(self) -> Config:
        """Its configuration."""
        return self.settings.config

    @property
    def worker_id(self) -> str:
        """Its name in the list of workers."""
        return self.settings.worker_id

    @property
    def completed(self) -> int:
        """How many attempts have returned."""
        return self._counters.completed

    @property
    def failed(self) -> int:
        """How many attempts have raised."""
        return self._counters.failed

    @property
    def unready_reason(self) -> str | None:
        """Why it takes no jobs at the moment; None if it takes some."""
        session = self._session
        if self._stop.asked.is_set():
            return "the worker stops"
        if not self._is_up:
            return "the worker starts"
        if session is None or not session.has_begun:
            return "the worker connects"
        return None if session.is_connected else "the connection to the server is lost"

    def stop(self) -> None:
        """Take no more jobs, finish those that run, and end. A second call does not wait."""
        self._stop.again()

    def request_stop(self, *, hurried: bool) -> None:
        """Stop as :meth:`stop` does, or as its second call does; to ask again changes nothing.

        Args:
            hurried: do not wait for the jobs that run.
        """
        self._stop.asked.set()
        if hurried:
            self._stop.hurried.set()

    async def run(self) -> None:
        """Work until stopped.

        The worker waits for a lost connection; the first one must succeed.

        Raises:
            NaqConnectionError: at the start; the server cannot be reached, or has no JetStream.
            LifespanError: the lifespan failed, or did not end in time.
            NaqError: the health port is in use.
            WorkerMemoryError: its process has more memory than ``max_memory``. Jobs may still run in
                its threads: the process has to end.
            nats.js.errors.APIError: at the start; the server refuses to make naq's own streams
                or buckets.
        """
        lifespan = Lifespan(
            lambda: self._lifespan(self), self._stop, self.settings.shutdown_timeout
        )
        async with self._running():
            try:
                async with lifespan as state:
                    self._is_up = True
                    executor = _executor(self.settings, self.settings.concurrency, state)
                    try:
                        await self._work(executor)
                    finally:
                        self.abandoned_jobs = executor.abandoned
                        executor.shutdown()
            finally:
                self.has_left_lifespan = lifespan.is_left_behind
        if self._stop.out_of_memory:
            raise WorkerMemoryError(f"the worker has ended: it had {self._stop.out_of_memory}")

    async def _work(self, executor: Executor) -> None:
        """Work on one connection after the other until stopped."""
        settings, stop = self.settings, self._stop.asked
        session: Session | None = None
        has_begun = False
        while not stop.is_set():
            try:
                # Its own connection: a job may close those that are shared.
                async with nats_jetstream(self.config, exclusive=True) as (conn, js):
                    session = Session(settings, self._counters, self._stop, executor, conn, js)
                    self._session = session
                    await session.run()
                    return
            except (NaqConnectionError, nats.errors.Error, ExceptionGroup) as raised:
                has_begun = has_begun or (session is not None and session.has_begun)
                raise_unless_passing(raised, is_connected=session is not None, has_begun=has_begun)
            self._session = None
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY_CONNECT_AFTER):
                    await stop.wait()

    async def process_message(self, msg: Msg) -> None:
        """Run the job of one message, store its result, and acknowledge it.

        For code that takes messages itself, one by one; :meth:`run` does much more. A job that
        fails is given back to the server at once, whatever its settings say of retries.

        Args:
            msg: a message of the stream of jobs, not acknowledged yet.

        Raises:
            Exception: whatever the job raised, or kept it from being run or its result from being
                stored.
        """
        executor = _executor(self.settings, 1)
        try:
            async with nats_jetstream(self.config) as (conn, js):
                try:
                    job = Job.received(msg.subject, msg.data)
                    _, attempt, enqueued = position(msg)
                    context = JobContext(job, attempt, self.worker_id, _forget)
                    started = time.time_ns()
                    outcome = await executor.run(context)
                    if job.keep_result:
                        subject = kv_subject(self.config.names.job_results, job.job_id)
                        data = finished(
                            outcome.serialize(),
                            job,
                            COMPLETED,
                            room=conn.max_payload,
                            ended=time.time_ns(),
                            attempts=attempt,
                            enqueued=enqueued,
                            started=started,
                            worker=self.worker_id.encode(),
                        )
                        await js.publish(subject, data)
                    await msg.ack_sync(timeout=self.config.request_timeout)
                except Exception as error:
                    logger.error("job failed: %s", error)
                    await msg.nak()
                    raise
        finally:
            executor.shutdown()

    async def update_job_status(self, job_id: str, status: JOB_STATUS) -> None:
        """Store the status of a job in the bucket ``job_status``.

        Args:
            job_id: the job's id.
            status: the status, which is all that is stored: counts of attempts are forgotten.

        Raises:
            nats.js.errors.BucketNotFoundError: no worker has made the bucket yet.
        """
        async with nats_kv_store(self.config.names.job_status, self.config) as kv:
            await kv.put(job_id, status.value.encode())

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        """Heed signals and answer probes."""
        port, host = self._health
        paths = {"/healthz": self._live, "/readyz": self._ready}
        for each in self.settings.metrics:
            if isinstance(each, Exposed):
                paths["/metrics"] = each.exposition
        with self._signals():
            if port is None:
                yield
                return
            async with ProbeServer(port, host, paths) as probes:
                logger.info("probes are answered on port %d", probes.port)
                yield

    def _live(self) -> Answer:
        return as_answer(None, worker=self.worker_id)

    def _ready(self) -> Answer:
        return as_answer(self.unready_reason, worker=self.worker_id)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, where signals can be handled."""
        loop = asyncio.get_running_loop()
        handled = []
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                with suppress(NotImplementedError):
                    loop.add_signal_handler(number, self.stop)
                    handled.append(number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)


def _permissions(
    serializers: Iterable[str] | None, allow: Iterable[Callable[..., Any] | str] | None
) -> tuple[frozenset[str] | None, AllowList | None]:
    """Return the serializers that a worker reads, and the functions that it runs."""
    # First the modules: they may register serializers.
    allowed = None if allow is None else AllowList((allow,) if isinstance(allow, str) else allow)
    readable = None if serializers is None else frozenset(serializers)
    for name in readable or ():
        get_serializer(name)
    if allowed is None:
        if readable is not None and CLOUDPICKLE.name not in readable:
            raise JobError(
                "a worker that reads no pickle runs only what it is allowed to: give it modules or "
                "functions"
            )
        return readable, None
    if readable is None:
        readable = registered_names() - {CLOUDPICKLE.name}
    elif CLOUDPICKLE.name in readable:
        raise JobError("a pickle may run any code: a worker with `allow` cannot read pickle")
    if JSON.name in readable:
        readable |= {TYPED.name}
    return readable, allowed


def _executor(settings: WorkerSettings, concurrency: int, state: Any = None) -> Executor:
    return Executor(
        concurrency,
        settings.memory_limit,
        settings.serializers,
        settings.allowed,
        settings.middleware,
        state,
    )


def _forget(_progress: bytes) -> None:
    """Drop the progress of a job that nobody watches."""


def _host() -> str:
    """Return the machine's name as a part of a key."""
    return re.sub(r"[^-_A-Za-z0-9.]+|\.+$|^\.+|\.(?=\.)", "-", socket.gethostname())[:100]
