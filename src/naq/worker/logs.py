"""Logging: the job of each line, as text for people and as JSON for programs."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from naq.models.job import Job
from naq.plain_text import visible
from naq.worker.context import current_job

FIELDS: Final = ("job_id", "queue", "function", "attempt")
"""The attributes of a record that :class:`JobLogFilter` sets."""


class JobLogFilter(logging.Filter):
    """Writes the running job on each record, for a handler's formatter.

    The attributes are ``job_id``, ``queue``, ``function`` and ``attempt``. Outside of a job they
    are None.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the attributes and let the record pass."""
        if not hasattr(record, "job_id"):
            context = current_job()
            of_job = {} if context is None else about(context.job, context.attempt)
            for name in FIELDS:
                setattr(record, name, of_job.get(name))
        return True


def about(job: Job, attempt: int) -> dict[str, Any]:
    """Return the attributes of a record about a job, for ``extra``."""
    return {
        "job_id": job.job_id,
        "queue": job.queue,
        "function": job.function_name,
        "attempt": attempt,
    }


class LineFormatter(logging.Formatter):
    """Writes each record on a line of its own, whatever its message holds.

    Args:
        fmt: the format.
        process: the name of this process, where there are several.
    """

    def __init__(self, fmt: str, process: str = "") -> None:
        super().__init__(fmt)
        self._process = process

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        """Return the line; the process, and a job that it does not name, are put before it."""
        message = visible(record.message).replace("\n", "\\n")
        names = (self._process, getattr(record, "job_id", None))
        before = "".join(f"[{name}] " for name in names if name and name not in message)
        record.message = before + message
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """Writes each record as JSON on one line.

    Args:
        process: the name of this process, where there are several.
    """

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._process:
            entry["process"] = self._process
        if getattr(record, "job_id", None) is not None:
            entry |= {name: getattr(record, name, None) for name in FIELDS}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class LogStyle:
    """The way a process logs, for the processes that it starts.

    Args:
        level: the level of the root logger.
        json: write JSON.
        process: the name of the process, where there are several.
    """

    level: int
    json: bool
    process: str = ""

    def formatter(self) -> logging.Formatter:
        """Return the formatter of a stream."""
        if self.json:
            return JsonFormatter(self.process)
        return LineFormatter("%(asctime)s %(levelname)s %(message)s", self.process)


style: LogStyle | None = None
"""The style that ``configure`` was called with; None where the program has its own logging."""


def configure(wanted: LogStyle, handler: logging.Handler | None = None) -> None:
    """Log in a style.

    Args:
        wanted: the style.
        handler: a handler with a formatter of its own; standard error by default.
    """
    global style
    style = wanted
    if handler is None:
        handler = logging.StreamHandler()
        handler.setFormatter(wanted.formatter())
    handler.addFilter(JobLogFilter())
    logging.basicConfig(level=wanted.level, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.INFO)
