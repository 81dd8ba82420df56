"""A worker for tests, and the clean-up behind them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from naq.config import Config
from naq.connection import close_all_connections, nats_jetstream
from naq.queue.sizes import queue_sizes
from naq.worker.core import Worker


class NaqWorker:
    """Runs jobs on a real server; the fixture ``naq_worker``.

    Args:
        config: the configuration of the test.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    def run(self, *queues: str, timeout: float = 30.0, **settings: Any) -> None:
        """Run the queued jobs, and those that they enqueue, and return when none is left.

        It may be called in a plain test and in an async one. The worker has a thread of its own, so
        jobs see what the test has patched.

        Args:
            queues: the queues' names; none is all queues.
            timeout: seconds that it may take.
            settings: those of :class:`naq.Worker`.

        Raises:
            TimeoutError: jobs are left when the time is over, such as those that wait for a retry.
            Exception: what the worker raised; a job's own errors are in its result.
        """
        _in_a_thread(self._work(queues, timeout, settings))

    async def _work(
        self, queues: tuple[str, ...], timeout: float, settings: dict[str, Any]
    ) -> None:
        try:
            async with asyncio.timeout(timeout) as limit:
                while names := queues or tuple(await queue_sizes(self.config)):
                    await Worker(names, self.config, burst=True, **settings).run()
                    if queues:
                        break
        except TimeoutError as error:
            if not limit.expired():
                raise
            left = await queue_sizes(self.config)
            raise TimeoutError(
                f"jobs are left after {timeout:g} s, by their queue: {left}"
            ) from error
        finally:
            await close_all_connections()


def remove_streams(config: Config) -> None:
    """Remove the streams and buckets of a test."""

    async def remove() -> None:
        names = {*config.names.streams, *(f"KV_{name}" for name in config.names.buckets)}
        async with nats_jetstream(config) as (_, js):
            for info in await js.streams_info():
                if info.config.name in names:
                    await js.delete_stream(info.config.name)
        await close_all_connections()

    _in_a_thread(remove())


def _in_a_thread(work: Any) -> None:
    """Run a coroutine on a loop of its own: the test may have one that runs."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 - it is raised below, in the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run, name="naq-test")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
