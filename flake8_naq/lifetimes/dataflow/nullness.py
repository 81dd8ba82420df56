"""What is known of flags and of None at one point: facts about places."""

from __future__ import annotations

from typing import TypeAlias

from flake8_naq.lifetimes.cfg.graph import (
    FALSE,
    NONE,
    SOME,
    TRUE,
    Acquire,
    Assume,
    BasicBlock,
    Derive,
    Forget,
    Graph,
    Instruction,
    Move,
    Place,
)
from flake8_naq.lifetimes.dataflow.worklist import Worklist

Facts: TypeAlias = dict[Place, str]

# Facts beyond this many are not kept, so that the cost of a block has a bound.
_MOST_FACTS = 24


class Knowledge:
    """Facts that change while the steps of a block are applied; what it was made of does not."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._is_own = False

    def learn(self, place: Place, fact: str) -> None:
        """Note a fact."""
        if len(self.facts) < _MOST_FACTS or place in self.facts:
            self._own()
            self.facts[place] = fact

    def forget(self, place: Place) -> None:
        """Drop what is known of a place that is given something else."""
        if not self.facts:
            return
        stale = [known for known in self.facts if _is_about(known, place)]
        if stale:
            self._own()
            for known in stale:
                del self.facts[known]

    def test(self, step: Assume) -> bool:
        """Whether a path can go on at a test; what the test tells is learnt."""
        answer = _answer(step.question, self.facts.get(step.place))
        if answer is not None:
            return answer is step.answer
        if step.question == "truthy":
            self.learn(step.place, TRUE if step.answer else FALSE)
        elif step.question == "none":
            self.learn(step.place, NONE if step.answer else SOME)
        return True

    def _own(self) -> None:
        if not self._is_own:
            self.facts = dict(self.facts)
            self._is_own = True


def facts_on_entry(graph: Graph) -> dict[BasicBlock, Facts]:
    """What is known of flags and of None at the start of each block."""
    if not graph.branches_on_facts:
        # No branch tests a flag: skip this pass.
        return {block: {} for _, block in graph.sites if block.order >= 0}
    known: dict[BasicBlock, Facts] = {graph.entry: {}}
    worklist = Worklist()
    worklist.add(graph.entry)
    while worklist:
        block = worklist.pop()
        knowledge = Knowledge(known[block])
        if not _apply_facts(knowledge, block.instructions):
            continue
        for target in block.targets:
            before = known.get(target)
            after = knowledge.facts
            if before is not None:
                after = joined_facts(before, after)
            if before is None or after != before:
                known[target] = after
                worklist.add(target)
    return known


def _apply_facts(knowledge: Knowledge, steps: list[Instruction]) -> bool:
    """Apply instructions to the facts; False when no path goes on."""
    for step in steps:
        if isinstance(step, (Forget, Move, Acquire, Derive)):
            knowledge.forget(step.place)
            if isinstance(step, Forget) and step.fact is not None:
                knowledge.learn(step.place, step.fact)
        elif isinstance(step, Assume) and step.question != "iterated" and not knowledge.test(step):
            return False
    return True


def joined_facts(one: Facts, other: Facts) -> Facts:
    """What both know; the marks of loops are kept when either has them."""
    return {
        place: fact
        for place, fact in (other | one).items()
        if place.startswith("~") or (one.get(place) == fact and other.get(place) == fact)
    }


def _answer(question: str, fact: str | None) -> bool | None:
    if fact is None:
        return None
    if question == "truthy":
        return None if fact == SOME else fact == TRUE
    if question == "none":
        return None if fact == FALSE else fact == NONE
    return None


def _is_about(known: Place, place: Place) -> bool:
    if known.startswith("?"):
        return place in known[1:].partition(":")[0].split(",")
    return known == place or known.startswith(place + ".")
