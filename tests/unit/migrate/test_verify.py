"""The proof itself: what must not pass, whatever planned it."""

import pytest

from flake8_naq.linter import lint
from flake8_naq.migrate.source import Source
from flake8_naq.migrate.verify import ProofError, prove_findings
from flake8_naq.settings import Settings

REBOUND = """\
import nats


async def work(url, other):
    nc = await nats.connect(url)
    try:
        nc = await nats.connect(other)
        await nc.flush()
    finally:
        await nc.close()
"""
WRONG = """\
import nats


async def work(url, other):
    async with await nats.connect(url) as nc:
        nc = await nats.connect(other)
        await nc.flush()
"""


def test_a_leak_that_is_mended_makes_no_room_for_another() -> None:
    before, after = (lint(Source(text).tree, "m.py", Settings()) for text in (REBOUND, WRONG))
    assert [finding.rule for finding in before].count("11") == 1
    assert [finding.rule for finding in after].count("11") == 1
    with pytest.raises(ProofError, match="new finding of rule 11 in `work`"):
        prove_findings(before, after, [("work", 5)])
