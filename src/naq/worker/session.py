"""A worker's work on one connection."""

from __future__ import annotations

import asyncio
import functools
from contextlib import AsyncExitStack

from nats.aio.client import Client
from nats.js import JetStreamContext

from naq.pipeline import PublishPipeline
from naq.worker.delivery import Delivery
from naq.worker.dependents import Dependents
from naq.worker.execute import Executor
from naq.worker.guard import LoopGuard
from naq.worker.heartbeat import Heartbeat
from naq.worker.in_hand import InHand
from naq.worker.intake import Intake
from naq.worker.limits import Limits
from naq.worker.memory import MemoryGuard
from naq.worker.metrics import Meter
from naq.worker.order import QueueOrder, Ready
from naq.worker.parents import fetch_parent_results
from naq.worker.places import Places
from naq.worker.runners import Runners
from naq.worker.settings import Counters, WorkerSettings
from naq.worker.settle import Settler
from naq.worker.stopping import Stopping, StopRequest
from naq.worker.unreadable import Unreadable


class Session:
    """The work of a worker on one connection, from the first pull to the last acknowledgement.

    Args:
        settings: the worker's settings.
        counters: the worker's counters.
        request: whether somebody wants the worker to stop.
        executor: runs the jobs.
        conn: the connection.
        js: its JetStream context.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        counters: Counters,
        request: StopRequest,
        executor: Executor,
        conn: Client,
        js: JetStreamContext,
    ) -> None:
        self._settings = settings
        self._counters = counters
        self._request = request
        self._executor = executor
        self._conn = conn
        self._js = js
        self.has_begun = False

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up at the moment."""
        return self._conn.is_connected

    async def run(self) -> None:
        """Work until the worker has to stop.

        Raises:
            nats.errors.Error: the connection is gone for good.
            WorkerMemoryError: the process has too much memory.
        """
        settings, conn, js = self._settings, self._conn, self._js
        names = settings.config.names
        memory = MemoryGuard(settings.max_memory, self._request)
        places = Places(settings, js)
        await places.ensure()
        async with AsyncExitStack() as stack:
            pipeline = await stack.enter_async_context(PublishPipeline(conn))
            dependents = Dependents(settings.config, conn, js)
            is_strict = settings.order is QueueOrder.STRICT
            in_hand = InHand(Ready(settings.queues) if is_strict else None)

            def release(delivery: Delivery) -> None:
                in_hand.release(delivery)
                limits.released(delivery)

            meter = Meter(settings.metrics)
            settler = Settler(
                names,
                conn,
                pipeline,
                settings.worker_id,
                release,
                dependents.ended,
                meter=meter,
                events=settings.events,
                results_may_expire=await places.results_may_expire(),
            )
            unreadable = Unreadable(names, pipeline, settings.worker_id)
            limits = Limits(
                names, conn, js, in_hand, settings.concurrency, settler.give_back_unharmed
            )
            stack.push_async_callback(limits.close)
            intake = Intake(settings, conn, js, in_hand, settler, unreadable, limits)
            runners = Runners(
                settings,
                self._counters,
                in_hand,
                self._executor,
                settler,
                intake.ask,
                functools.partial(fetch_parent_results, conn, js, names),
                meter,
            )
            heartbeat = Heartbeat(
                settings,
                self._counters,
                conn,
                js,
                pipeline,
                in_hand,
                intake,
                runners,
                settler,
                dependents,
                places,
            )
            stopping = Stopping(settings, self._request, in_hand, intake, runners, settler)
            guard = stack.enter_context(
                LoopGuard(settings.block_limit, exits=settings.exit_when_blocked)
            )
            # Not of the group, which would wait for ever for a job that refuses to end.
            stack.push_async_callback(runners.break_off)
            runners.start()
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(coroutine)
                    for coroutine in (
                        settler.acknowledge(),
                        dependents.follow(),
                        intake.resolve_doubts(),
                        heartbeat.beat(guard),
                        unreadable.set_aside(),
                        memory.watch(),
                        limits.look_after(),
                        runners.raise_first_error(),
                    )
                ]
                await dependents.known.wait()
                async with AsyncExitStack() as pulling:
                    await intake.open(pulling)
                    await conn.subscribe(f"{names.cancel_subjects}.*", cb=runners.cancel)
                    await intake.learn_where_doubt_ends()
                    await heartbeat.announce()
                    self.has_begun = True
                    await stopping.wait()
                await heartbeat.put_stopping()
                await stopping.wind_down()
                for task in helpers:
                    task.cancel()
            await heartbeat.sign_off()
