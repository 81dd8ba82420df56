"""The functions of the jobs. The workers import this module by its name."""

from __future__ import annotations

import asyncio
import os
import time

import ledger

from naq import current_job

CRASH_CODE = 77
"""The exit code of a worker that a job ended."""


class ExpectedError(Exception):
    """What a job raises on purpose."""


def _own_id() -> str:
    context = current_job()
    assert context is not None
    return context.job.job_id


async def plain(seconds: float) -> str:
    with ledger.running(job_id := _own_id()):
        await asyncio.sleep(seconds)
        return job_id


def threaded(seconds: float) -> str:
    with ledger.running(job_id := _own_id()):
        time.sleep(seconds)
        return job_id


def child(*parents: str | None) -> list[str | None]:
    with ledger.running(_own_id()):
        return list(parents)


def third_time() -> str:
    with ledger.running(job_id := _own_id()):
        context = current_job()
        assert context is not None
        if context.attempt < 3:
            raise ExpectedError("not yet")
        return job_id


def fail() -> None:
    with ledger.running(_own_id()):
        raise ExpectedError("never")


def large(size: int) -> bytes:
    with ledger.running(_own_id()):
        return bytes(size)


def crash() -> None:
    with ledger.running(_own_id()):
        time.sleep(0.02)
        os._exit(CRASH_CODE)
