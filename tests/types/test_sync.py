"""``naq.sync`` under type checkers: a misspelt name or a wrong argument is an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

RIGHT = """
from math import sqrt
from naq import sync

queue = sync.Queue("q")
job = queue.enqueue(sqrt, 4, job_id="a", again=True)
size: int = queue.size()
ids: list[str] = [each.job_id for each in queue.waiting_jobs()]
with_result: object = sync.Results().get_result(job.job_id)
for event in sync.EventManager().watch("job.*"):
    kind: str = event.type
sync.enqueue(sqrt, 4, queue="q")
name: str = queue.name
"""

WRONG = {
    "a misspelt method": "sync.Queue().enqueu()",
    "a misspelt function": "sync.enqueu()",
    "an unknown argument": "sync.Queue().purge(wrong=1)",
    "an argument of another type": "sync.Queue().dequeue(timeout='long')",
    "a missing argument": "sync.FailedJobs().requeue()",
    "an unknown constructor argument": "sync.Queue(nme='q')",
    "a constructor argument of another type": "sync.Scheduler(5)",
    "a result of another type": "size: str = sync.Queue().size()",
    "an await": "async def f() -> None: await sync.Queue().size()",
}

LINES = {name: number for number, name in enumerate(WRONG, 2)}


@pytest.fixture(scope="module")
def errors(check: Callable[..., str]) -> str:
    """What a type checker finds in a right and in a wrong program."""
    return check(right=RIGHT, wrong="\n".join(["from naq import sync", *WRONG.values(), ""]))


def test_a_right_program_passes(errors: str) -> None:
    assert "right.py:" not in errors


@pytest.mark.parametrize("name", WRONG)
def test_a_type_checker_finds(errors: str, name: str) -> None:
    assert f"wrong.py:{LINES[name]}:" in errors
