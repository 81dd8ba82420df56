"""The job of each log line, on a real server."""

from __future__ import annotations

import json
import logging
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from naq.models import Job
from naq.queue import Queue
from naq.worker import Worker
from naq.worker.logs import JobLogFilter

NAQ = Path(sysconfig.get_path("scripts")) / "naq"

APP = """
import asyncio, logging
logger = logging.getLogger("app")

async def middleware(job, call_next):
    logger.info("around it")
    return await call_next(job)

async def in_the_loop():
    await asyncio.create_task(in_a_task())

async def in_a_task():
    logger.info("in a task")

def in_a_thread():
    logger.info("in a thread")

def in_a_process():
    logger.info("in a process")

def fail():
    raise ValueError("no")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def log_of(folder: Path, url: str, *words: str) -> list[str]:
    command = [NAQ, "worker", "--burst", "--url", url, "--concurrency", "1", *words]
    done = subprocess.run(
        command, cwd=folder, check=True, timeout=30, capture_output=True, text=True
    )
    return done.stderr.splitlines()


async def enqueue_all(url: str) -> list[Job]:
    queue = Queue(config=url)
    jobs = [await queue.enqueue(f"app:{name}") for name in ("in_the_loop", "in_a_thread")]
    jobs.append(await queue.enqueue("app:in_a_process", isolated=True))
    jobs.append(await queue.enqueue("app:fail", retries=1))
    return jobs


async def test_a_line_of_json_names_the_job(folder: Path, url: str) -> None:
    jobs = await enqueue_all(url)
    lines = [json.loads(line) for line in log_of(folder, url, "--json")]
    found = {line["message"]: line for line in lines if line["logger"] == "app"}
    messages = ("in a task", "in a thread", "in a process")
    assert {found[message]["job_id"] for message in messages} == {job.job_id for job in jobs[:3]}
    described = {name: found["in a thread"][name] for name in ("queue", "function", "attempt")}
    assert described == {"queue": "default", "function": "app:in_a_thread", "attempt": 1}
    failed = [line for line in lines if line.get("job_id") == jobs[3].job_id]
    assert [(line["attempt"], line["level"]) for line in failed] == [(1, "info"), (2, "warning")]
    assert "job_id" not in lines[0]


async def test_a_plain_line_names_the_job_once(folder: Path, url: str) -> None:
    jobs = await enqueue_all(url)
    lines = log_of(folder, url, "--middleware", "app:middleware")
    for job, message in zip(jobs, ("in a task", "in a thread", "in a process"), strict=False):
        assert f"INFO [{job.job_id}] {message}" in "\n".join(lines)
        assert f"INFO [{job.job_id}] around it" in "\n".join(lines)
    assert all(line.count(jobs[3].job_id) <= 1 for line in lines)
    assert any("failed after 2 attempts" in line for line in lines)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    kept: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    handler = Keep()
    handler.addFilter(JobLogFilter())
    logger = logging.getLogger("test_logging")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield kept
    logger.removeHandler(handler)


def write_a_line() -> None:
    logging.getLogger("test_logging").info("a line")


async def test_a_filter_gives_a_program_of_its_own_the_job(url: str, records: list[Any]) -> None:
    write_a_line()
    job = await Queue("mail", url).enqueue(write_a_line)
    await Worker("mail", url, burst=True).run()
    outside, inside = records
    assert (outside.job_id, outside.attempt) == (None, None)
    assert (inside.job_id, inside.queue, inside.attempt) == (job.job_id, "mail", 1)
    assert inside.function.endswith(":write_a_line")
