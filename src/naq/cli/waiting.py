"""``naq waiting``."""

from __future__ import annotations

from naq.cli.output import AnyQueue, AsJson, Url, ago, as_json, command, config_of, table
from naq.queue.waiting import list_waiting

_MOST_NAMED = 3


@command
async def waiting(queue: AnyQueue = None, url: Url = None, json_: AsJson = False) -> None:
    """List the jobs that wait for others, the oldest first."""
    listed = await list_waiting(config_of(url), queue)
    if json_:
        as_json([{**each.describe(), "waits_for": list(each.waits_for)} for each in listed])
        return
    table(
        ("job", "function", "queue", "enqueued", "waits for"),
        (
            (e.job_id, e.function_name, e.queue, ago(e.created_at), _some(e.waits_for))
            for e in listed
        ),
        empty="no job waits for others",
    )


def _some(parents: tuple[str, ...]) -> str:
    named = ", ".join(parents[:_MOST_NAMED])
    more = len(parents) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
