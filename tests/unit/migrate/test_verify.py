"""The proof itself: what must not pass, whatever planned it."""

import pytest

from flake8_naq.files.source_text import Source
from flake8_naq.findings import Finding
from flake8_naq.linter import lint
from flake8_naq.migrate.verify import JOIN_ADDS_NO, REWRITE_ADDS_NO, ProofError, prove_findings
from flake8_naq.rules import all_rules
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


def finding(rule: str) -> Finding:
    return Finding(5, 0, rule, 3, "", "work")


@pytest.mark.parametrize("rule", sorted(REWRITE_ADDS_NO))
def test_a_rule_that_is_named_blocks_a_rewrite(rule: str) -> None:
    with pytest.raises(ProofError):
        prove_findings([], [finding(rule)], [])


@pytest.mark.parametrize("adds_no", [REWRITE_ADDS_NO, JOIN_ADDS_NO])
def test_a_rule_for_something_else_blocks_nothing(adds_no: frozenset[str]) -> None:
    prove_findings([], [finding("31")], [], adds_no)


def test_the_rules_that_block_exist() -> None:
    assert {rule.number for rule in all_rules()} > REWRITE_ADDS_NO > JOIN_ADDS_NO
