"""What is known of flags and of None at one point: facts about places."""

from __future__ import annotations

from typing import TypeAlias

from flake8_naq.lifetimes.graph import FALSE, NONE, SOME, TRUE, Place, Test

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

    def test(self, step: Test) -> bool:
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
