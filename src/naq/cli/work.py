"""The worker of one process, as ``naq worker`` runs it."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import typer

from naq.cli.modules import find_modules_here
from naq.cli.output import REFUSED, command, config_of, fail, log
from naq.cli.telemetry import metrics_of, tracing
from naq.exceptions import LifespanError, WorkerMemoryError
from naq.models.functions import import_function
from naq.worker.core import Worker

logger = logging.getLogger("naq")

Companion = Callable[[Worker], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What the command line asks of a worker, to be sent to another process.

    Args:
        settings: settings of :class:`naq.Worker` that can be pickled.
        modules: the modules that it runs, if it is limited to some.
        lifespan: the name of its lifespan.
        middleware: the names of its middleware.
        otel: use OpenTelemetry.
        prometheus: collect metrics for Prometheus, where it is installed.
        url: the server's URL, if not that of the configuration.
        verbose: log more.
        json: log JSON.
        process: the name of the process, where there are several.
    """

    settings: Mapping[str, Any]
    modules: tuple[str, ...]
    lifespan: str | None
    middleware: tuple[str, ...]
    otel: bool
    prometheus: bool
    url: str | None
    verbose: bool
    json: bool
    process: str = ""


def work(order: WorkOrder, companion: Companion | None = None) -> None:
    """Run a worker until it is asked to stop, and end the process where something is stuck.

    Args:
        order: the worker.
        companion: runs beside the worker and is cancelled when it has ended.

    Raises:
        typer.Exit: the worker failed; the reason is printed.
    """
    log(verbose=order.verbose, json_=order.json, process=order.process)
    find_modules_here()

    @command
    async def run() -> None:
        made = make_worker(order)
        beside = None if companion is None else asyncio.create_task(companion(made))
        try:
            await made.run()
        except (LifespanError, WorkerMemoryError) as error:
            logger.error("%s", error, exc_info=error.__cause__)
            _leave_what_is_stuck(made, REFUSED)
            raise typer.Exit(REFUSED) from None
        finally:
            if beside is not None:
                beside.cancel()
                with suppress(asyncio.CancelledError):
                    await beside
        logger.info("%d completed, %d failed", made.completed, made.failed)
        _leave_what_is_stuck(made, 0)

    run()


def make_worker(order: WorkOrder) -> Worker:
    """Return the worker of an order, with all that it names imported.

    Raises:
        NaqError: a setting makes no sense, or a name cannot be imported.
    """
    for module in order.modules:
        _refuse_unknown(module)
    return Worker(
        config=config_of(order.url),
        exit_when_blocked=True,
        allow=order.modules or None,
        lifespan=None if order.lifespan is None else import_function(order.lifespan),
        middleware=[*tracing(order.otel), *map(import_function, order.middleware)],
        metrics=metrics_of(otel=order.otel, prometheus=order.prometheus),
        **order.settings,
    )


def _refuse_unknown(module: str) -> None:
    """Refuse what is no module: the name of a queue, perhaps."""
    try:
        found = importlib.util.find_spec(module.partition(":")[0])
    except (ModuleNotFoundError, ValueError):
        found = None
    except Exception:  # noqa: BLE001 - a package that it stands in raises: the import names it
        return
    if found is None:
        fail(f"cannot import {module}: there is no such module (--queue names a queue)")


def _leave_what_is_stuck(made: Worker, code: int) -> None:
    """End the process although a job, or the lifespan, that was broken off still runs."""
    if made.abandoned_jobs or made.has_left_lifespan:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
