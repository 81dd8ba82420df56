"""Nullness: which places and flags are None, truthy or falsy at one point."""

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

# A limit on facts, which bounds the cost of a block.
_MOST_FACTS = 24


class Nullness:
    """Facts at one point, copied before the first change."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._is_own = False

    def learn(self, place: Place, fact: str) -> None:
        """Add a fact, up to the limit."""
        if len(self.facts) < _MOST_FACTS or place in self.facts:
            self._own()
            self.facts[place] = fact

    def forget(self, place: Place) -> None:
        """Drop the facts about a place that is bound again."""
        if not self.facts:
            return
        stale = [known for known in self.facts if _is_about(known, place)]
        if stale:
            self._own()
            for known in stale:
                del self.facts[known]

    def assume(self, assumption: Assume) -> bool:
        """Learn an assumption; False when it contradicts what is known."""
        place = assumption.place
        answer = _answer(assumption.question, self.facts.get(place))
        if answer is not None:
            return answer is assumption.answer
        if assumption.question == "truthy":
            self.learn(place, TRUE if assumption.answer else FALSE)
        elif assumption.question == "none":
            self.learn(place, NONE if assumption.answer else SOME)
        return True

    def _own(self) -> None:
        if not self._is_own:
            self.facts = dict(self.facts)
            self._is_own = True


def facts_on_entry(graph: Graph) -> dict[BasicBlock, Facts]:
    """The nullness facts at the start of each basic block, as a fixed point."""
    if not graph.branches_on_facts:
        # No branch tests a flag: skip this pass.
        return {block: {} for _, block in graph.sites if block.order >= 0}
    known: dict[BasicBlock, Facts] = {graph.entry: {}}
    worklist = Worklist()
    worklist.add(graph.entry)
    while worklist:
        block = worklist.pop()
        nullness = Nullness(known[block])
        if not _apply_facts(nullness, block.instructions):
            continue
        for target in block.targets:
            if _join_into(known, target, nullness.facts):
                worklist.add(target)
    return known


def _join_into(known: dict[BasicBlock, Facts], block: BasicBlock, facts: Facts) -> bool:
    """Join facts into those at the start of a block; whether they change."""
    before = known.get(block)
    if before is not None:
        facts = joined_facts(before, facts)
    known[block] = facts
    return facts != before


def _apply_facts(nullness: Nullness, instructions: list[Instruction]) -> bool:
    """Apply instructions to the facts; False when no path goes on."""
    for instruction in instructions:
        if isinstance(instruction, (Forget, Move, Acquire, Derive)):
            nullness.forget(instruction.place)
            if isinstance(instruction, Forget) and instruction.fact is not None:
                nullness.learn(instruction.place, instruction.fact)
        elif isinstance(instruction, Assume) and not nullness.assume(instruction):
            return False
    return True


def joined_facts(one: Facts, other: Facts) -> Facts:
    """The join: facts that hold on both sides; a loop's mark survives from either."""
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
