"""The output of the command line: tables for people, JSON for programs, errors in one line.

Exit codes: 0 when all went well; 1 when the answer is no (a job has failed, there is no such
schedule, a setting is bad); 2 when the command line itself can't be understood; 3 when there is
no server, or it does not answer; 130 after Ctrl-C.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NoReturn, ParamSpec, TypeVar

import nats.errors
import nats.js.errors
import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from naq.config import Config, as_config
from naq.connection.dial import where
from naq.exceptions import NaqConnectionError, NaqError, describe_error
from naq.plain_text import visible, visible_in_json
from naq.worker.logs import LineFormatter, LogStyle, configure

UNLIMITED: Final = 100_000
"""Columns of what is no terminal."""

REFUSED: Final = 1
NO_SERVER: Final = 3

P = ParamSpec("P")
T = TypeVar("T")

# Commands print what matters themselves.
logging.getLogger("naq").addHandler(logging.NullHandler())

console = Console(emoji=False)
errors = Console(stderr=True, emoji=False)

Url = Annotated[
    str | None,
    typer.Option("--url", "-u", help="URL of the NATS server. By default as configured."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]
JsonLog = Annotated[bool, typer.Option("--json", help="Log JSON, one object a line.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
QueueName = Annotated[str, typer.Option("--queue", "-q", help="Name of the queue.")]
AnyQueue = Annotated[
    str | None, typer.Option("--queue", "-q", help="Only this queue. By default all.")
]


def config_of(url: str | None) -> Config:
    """Return what a command hands on as its configuration."""
    return as_config(url)


def command(function: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Make a coroutine a command: run it, and report its errors in one line."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            asyncio.run(function(*args, **kwargs))
        except NaqConnectionError as error:
            fail(str(error), NO_SERVER)
        except (NaqError, nats.js.errors.Error) as error:
            fail(describe_error(error))
        except (nats.errors.Error, TimeoutError) as error:
            url: Any = kwargs.get("url")
            fail(f"{where(as_config(url))}: {describe_error(error)}", NO_SERVER)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return run


def fail(message: str, code: int = REFUSED) -> NoReturn:
    """Say what went wrong on standard error, and end with an exit code."""
    errors.print(f"[red]naq:[/red] {escape(visible(message))}", soft_wrap=True, highlight=False)
    raise typer.Exit(code)


def warn(message: str) -> None:
    """Say on standard error what is worth knowing, and no failure."""
    errors.print(
        f"[yellow]naq:[/yellow] {escape(visible(message))}", soft_wrap=True, highlight=False
    )


def log(*, verbose: bool, json_: bool, process: str = "") -> None:
    """Log to standard error: for people, as JSON, or, where no terminal is, as plain lines.

    Args:
        verbose: log more.
        json_: log JSON.
        process: the name of this process, where there are several.
    """
    handler: logging.Handler | None = None
    if errors.is_terminal and not json_:
        handler = RichHandler(console=errors, show_path=False, markup=False)
        handler.setFormatter(LineFormatter("%(message)s", process))
    level = logging.DEBUG if verbose else logging.INFO
    configure(LogStyle(level, json_, process), handler)


def as_json(value: Any) -> None:
    """Print a value as JSON on one line."""
    document = json.dumps(value, ensure_ascii=False, default=str)
    sys.stdout.write(visible_in_json(document) + "\n")
    sys.stdout.flush()


def say(message: str) -> None:
    """Print a line."""
    console.print(escape(visible(message)), soft_wrap=True, highlight=False)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing there"
) -> None:
    """Print rows as a table, or that there are none."""
    lines = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        lines.add_column(column, overflow="fold")
    for row in rows:
        lines.add_row(*(escape("" if cell is None else visible(str(cell))) for cell in row))
    if lines.row_count:
        # What another program reads keeps each row on a line, however long.
        out = console if console.is_terminal else Console(width=UNLIMITED, emoji=False)
        out.print(lines)
    else:
        say(empty)


def shown(name: str, value: Any) -> Any:
    """Return a value as a person reads it: a moment in seconds since the epoch as a local time."""
    if name.endswith("_at") and isinstance(value, float):
        return datetime.fromtimestamp(value).astimezone().isoformat(" ", "seconds")
    return value


def ago(when: datetime | float) -> str:
    """Return how long ago something was, or how soon it is, in one unit."""
    moment = when if isinstance(when, datetime) else datetime.fromtimestamp(when, UTC)
    seconds = (datetime.now(UTC) - moment).total_seconds()
    size, unit = next(
        (
            (size, unit)
            for size, unit in ((86400, "d"), (3600, "h"), (60, "min"))
            if abs(seconds) >= size
        ),
        (1, "s"),
    )
    count = f"{abs(seconds) / size:.0f} {unit}"
    return f"{count} ago" if seconds >= 0 else f"in {count}"
