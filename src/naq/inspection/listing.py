"""Listing jobs of any state, the newest first, a page at a time.

Each state of a job has its place on the server: a stream, or a bucket, which is one too. A page takes
the newest of each place and merges them by the time at which they came there. The next page goes on
where this one has ended in each of them, so a page costs as much with a million jobs as with a few.
A filter has to look at the jobs themselves: a page looks at 10,000 of each place at most, and shows
how far back it has looked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from naq.config import Config, as_config
from naq.connection import nats_jetstream
from naq.exceptions import JobError
from naq.inspection.places import Place, places_of
from naq.models.info import JobInfo
from naq.models.status import JOB_STATUS
from naq.stored import StreamReader

MOST_LOOKED_AT: Final = 10_000
"""Messages of one place that a page looks at."""

MOST_LISTED: Final = 1000
"""Jobs of one page."""

_CURSOR: Final = re.compile(r"[a-z]\d+(-[a-z]\d+)*")


@dataclass(frozen=True)
class JobFilter:
    """What a listing shows.

    Args:
        states: the states; empty means all.
        queue: the name of the queue; None is any.
        task: the name of the function, as ``package.module:function``; ``*`` stands for any
            characters. None is any.
        since: only jobs that have come into their state since then.
    """

    states: Collection[JOB_STATUS] = ()
    queue: str | None = None
    task: str | None = None
    since: datetime | None = None

    def matches(self, job: JobInfo) -> bool:
        """Whether a job is shown."""
        return (
            (not self.states or job.status in self.states)
            and (self.queue is None or (job.job is not None and job.job.queue == self.queue))
            and (
                self.task is None
                or (job.job is not None and fnmatchcase(job.job.function_name, self.task))
            )
        )


@dataclass(frozen=True)
class JobPage:
    """Some of the jobs.

    Args:
        jobs: the jobs, the newest first.
        next: where the next page begins; None if there is none.
        searched_to: seconds since the epoch: where the search for this page has stopped, because
            it has looked at 10,000 jobs; None if it has looked at as many as it needed.
    """

    jobs: list[JobInfo]
    next: str | None = None
    searched_to: float | None = None

    def describe(self) -> dict[str, Any]:
        """Return the page in JSON's types, each job in short."""
        return {
            "jobs": [summary(each) for each in self.jobs],
            "next": self.next,
            "searched_to": self.searched_to,
        }


def summary(info: JobInfo) -> dict[str, Any]:
    """Return what a row of a listing shows of a job, in JSON's types."""
    shown = info.describe()
    shown.pop("traceback", None)
    return shown | {"arguments": str(info.arguments)}


async def list_jobs(
    config: Config | str | None = None,
    *,
    states: Collection[JOB_STATUS | str] = (),
    queue: str | None = None,
    task: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
    page: str | None = None,
) -> JobPage:
    """Return jobs, the newest first: those that came into their state last.

    Failed jobs are those that can be requeued. A job that keeps no result is listed until it has
    succeeded.

    Args:
        config: a configuration, a URL, or None for the process's configuration.
        states: only jobs of these states; empty means all.
        queue: only jobs of this queue.
        task: only jobs of this function, as ``package.module:function``; ``*`` stands for any
            characters.
        since: only jobs that have come into their state since then.
        limit: how many at most, up to 1,000.
        page: ``next`` of the page before this one.

    Raises:
        JobError: a state, the limit or the page makes no sense.
        ServerTooOldError: the server is older than 2.11.
        NaqConnectionError: there is no connection.
    """
    if not 1 <= limit <= MOST_LISTED:
        raise JobError(f"limit must be from 1 to {MOST_LISTED}, not {limit!r}")
    wanted = JobFilter(frozenset(map(_state, states)), queue, task, since)
    settings = as_config(config)
    places = places_of(settings.names, wanted.states)
    starts = _starts(page, places)
    async with nats_jetstream(settings) as (conn, js):
        found = await asyncio.gather(
            *(
                _search(conn, js, place, starts.get(place.letter), wanted, limit)
                for place in places
                if starts.get(place.letter) != 0
            )
        )
    return _merged(places, found, starts, limit)


@dataclass
class _Found:
    """What the search in one place has brought.

    Args:
        letter: the place's.
        jobs: with the number of its message, each.
        next: where to go on; 0 if there is nothing more.
        stopped_at: the time of the last message that it looked at, if it had to stop there.
    """

    letter: str
    jobs: list[tuple[int, JobInfo]] = field(default_factory=list)
    next: int = 0
    stopped_at: float | None = None


async def _search(
    conn: Client,
    js: JetStreamContext,
    place: Place,
    before: int | None,
    wanted: JobFilter,
    limit: int,
) -> _Found:
    found = _Found(place.letter)
    reader = StreamReader(conn, js, place.stream)
    oldest = wanted.since.timestamp() if wanted.since else 0.0
    looked_at = 0
    try:
        async for messages in reader.newest(before, limit):
            new = [each for each in messages if each.time >= oldest]
            jobs = await place.read(reader, new)
            found.jobs += [(number, job) for number, job in jobs if wanted.matches(job)]
            looked_at += len(messages)
            if len(new) < len(messages):
                return found
            found.next = messages[-1].sequence
            if len(found.jobs) > limit:
                return found
            if looked_at >= MOST_LOOKED_AT:
                found.stopped_at = messages[-1].time
                return found
    except NotFoundError:
        return found  # no such place yet: nobody has put anything there
    found.next = 0
    return found


def _merged(
    places: Collection[Place], found: list[_Found], starts: dict[str, int], limit: int
) -> JobPage:
    # What lies further back than a search has come would be out of order.
    horizon = max((each.stopped_at or 0.0 for each in found), default=0.0)
    rows = [(job, number, each) for each in found for number, job in each.jobs]
    rows.sort(key=lambda row: row[0].since, reverse=True)
    shown = [row for row in rows if row[0].since >= horizon][:limit]
    positions = {place.letter: starts.get(place.letter) for place in places}
    for each in found:
        taken = [number for _, number, origin in shown if origin is each]
        positions[each.letter] = _position(each, taken, positions[each.letter])
    return JobPage(
        [job for job, _, _ in shown],
        _cursor(positions),
        horizon if horizon and len(shown) < limit else None,
    )


def _position(found: _Found, taken: list[int], start: int | None) -> int | None:
    """Return before which message the next page goes on in a place; None is its end."""
    if len(taken) == len(found.jobs):
        return found.next
    return min(taken) if taken else start


def _cursor(positions: dict[str, int | None]) -> str | None:
    if not any(position != 0 for position in positions.values()):
        return None
    return "-".join(f"{letter}{at}" for letter, at in positions.items() if at is not None) or None


def _starts(page: str | None, places: Collection[Place]) -> dict[str, int]:
    if page is None:
        return {}
    if not _CURSOR.fullmatch(page):
        raise JobError(f"there is no page {page[:40]!r}: give the `next` of the page before")
    known = {place.letter for place in places}
    parts = {part[0]: int(part[1:]) for part in page.split("-")}
    if not parts.keys() <= known:
        raise JobError(f"page {page[:40]!r} is of a listing of other states")
    return parts


def _state(name: JOB_STATUS | str) -> JOB_STATUS:
    try:
        return JOB_STATUS(name)
    except ValueError:
        known = ", ".join(each.value for each in JOB_STATUS)
        raise JobError(f"there is no state {str(name)!r}, only {known}") from None
