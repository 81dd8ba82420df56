"""The order of queues: weights dealt out, and jobs handed out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.cli.worker import with_weights
from naq.exceptions import JobError
from naq.worker import Worker
from naq.worker.order import QueueOrder, Shares, order_of


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=6), st.lists(st.integers(0, 40), max_size=30)
)
def test_shares_are_those_of_the_weights_however_the_slots_come(
    weights: list[int], portions: list[int]
) -> None:
    shares = Shares(weights)
    dealt = [0] * len(weights)
    for slots in portions:
        for queue, count in shares.deal(slots, range(len(weights))).items():
            dealt[queue] += count
    assert sum(dealt) == sum(portions)
    for weight, count in zip(weights, dealt, strict=True):
        fair = sum(portions) * weight / sum(weights)
        assert abs(count - fair) < len(weights)


def test_without_queues_nothing_is_dealt() -> None:
    assert Shares([1, 2]).deal(5, []) == {}


def test_weights_make_the_order_weighted_and_one_queue_has_no_order() -> None:
    assert order_of({"hi": 3, "lo": 1}, None) == ({"hi": 3, "lo": 1}, QueueOrder.WEIGHTED)
    assert order_of(["hi", "lo", "hi"], None) == ({"hi": 1, "lo": 1}, QueueOrder.TURNS)
    assert order_of(["hi", "lo"], "strict") == ({"hi": 1, "lo": 1}, QueueOrder.STRICT)
    assert order_of("hi", "strict") == ({"hi": 1}, QueueOrder.TURNS)


@pytest.mark.parametrize(
    ("queues", "order", "message"),
    [
        ({"hi": 0}, None, "the weight of queue 'hi' must be from 1 to 1000, not 0"),
        ({"hi": 1.5}, None, "must be from 1 to 1000, not 1.5"),
        ({"hi": 3, "lo": 1}, "strict", "queues with weights are served by these, not in strict"),
        (["hi", "lo"], "random", "order must be turns, strict or weighted, not 'random'"),
        ([], None, "a worker needs the name of a queue"),
        ([""], None, "a queue needs a name"),
    ],
)
def test_what_makes_no_sense_is_an_error(queues: object, order: object, message: str) -> None:
    with pytest.raises(JobError, match=message):
        Worker(queues, order=order)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "queues"),
    [
        (None, None),
        (["a", "b"], ["a", "b"]),
        (["hi:3", "lo"], {"hi": 3, "lo": 1}),
        (["mail:2:1"], {"mail:2": 1}),
        (["a:b"], ["a:b"]),
        ([":3"], [":3"]),
    ],
)
def test_the_command_line_has_weights_behind_a_colon(words: Any, queues: Any) -> None:
    assert with_weights(words) == queues
