"""Rule 11: a path that leaves the connection open."""

from collections.abc import Iterator

from flake8_naq.lifetimes import Leak, ModuleAnalysis, Site
from flake8_naq.rules.cures import cure, named
from flake8_naq.rules.rule import Example, Problem, Rule


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report every connection that some path leaves open, with the most telling path."""
    for site in analysis.manual:
        if site.leaks:
            yield Problem(site.call, _message(site, site.leaks[0]), site.qualname, site)


def _message(site: Site, leak: Leak) -> str:
    name = named(site)
    if not any(release.matches for release in site.releases):
        return f"{name} is never closed: use {cure(site)}"
    where = {
        "raises": f"when line {leak.line} raises",
        "cancelled": f"when line {leak.line} is cancelled",
        "returns": f"when line {leak.line} returns",
        "ends": "on a path to the function's end",
        "rebound": f"when line {leak.line} gives its name to another",
    }[leak.how]
    return f"{name} stays open {where}: close it in `finally`, or use {cure(site)}"


RULE = Rule(
    number="11",
    name="connection-leak",
    summary="On some path the connection stays open.",
    why="""\
A connection that is not closed keeps its socket, its reader task and its subscriptions on the
server until the process ends. The message names the line that leaves the path: one that raises
(every call and `await` may, and a task can be cancelled at each `await`) or returns.
""",
    bad=(
        Example(
            "closed on the straight path only",
            """\
import nats


async def publish(url, subject, data):
    nc = await nats.connect(url)
    await nc.publish(subject, data)
    await nc.close()
""",
            {5: "01 11"},
        ),
    ),
    good=(
        Example(
            "a context manager",
            """\
import nats


async def publish(url, subject, data):
    async with await nats.connect(url) as nc:
        await nc.publish(subject, data)
""",
        ),
    ),
    check=check,
)
