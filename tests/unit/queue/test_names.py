"""Names of queues and jobs as tokens of subjects."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.names import (
    LONGEST_PREFIX,
    Names,
    check_prefix,
    consumer_name,
    is_key,
    queue_of,
    token,
    untoken,
)

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(names)
def test_every_name_can_be_read_back(name: str) -> None:
    assert untoken(token(name)) == name


@given(names)
def test_a_token_is_legal_in_subjects_keys_and_consumer_names(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", token(name))


@given(names, names)
def test_two_names_never_share_a_token(one: str, other: str) -> None:
    assert (token(one) == token(other)) == (one == other)


@given(names, st.from_regex(r"[-/_=a-z0-9]+(\.[-/_=a-z0-9]+)*", fullmatch=True))
def test_the_queue_can_be_read_from_a_jobs_subject(queue: str, job_id: str) -> None:
    assert queue_of(Names().job_subject(queue, job_id)) == queue
    assert Names().job_subject(queue, job_id).startswith(Names().queue_subject(queue)[:-1])


def test_plain_names_stay_readable() -> None:
    assert Names().job_subject("mail", "job-1") == "naq.jobs.mail.job-1"
    assert consumer_name("mail") == "naq_mail"


def test_wildcards_lose_their_meaning() -> None:
    assert Names().queue_subject("*.>") == "naq.jobs.=2A=2E=3E.*"


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        token("")


@pytest.mark.parametrize("text", ["", ".", ".a", "a.", "a..b", "a b", "a*", "ü"])
def test_what_a_bucket_refuses_is_no_key(text: str) -> None:
    assert not is_key(text)


prefixes = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}", fullmatch=True) | st.sampled_from(
    ["naq", "KV", "events", "system", "job", "system_events", "naq_events", "shop", "shop_naq"]
)


def stored(names: Names) -> set[str]:
    return {*names.streams, *(f"KV_{bucket}" for bucket in names.buckets)}


def subjects(names: Names) -> tuple[str, ...]:
    """The subjects on which naq publishes, as patterns."""
    jobs, cancels = f"{names.job_subjects}.>", f"{names.cancel_subjects}.*"
    return (jobs, cancels, names.event_subject(">"), names.system_event_subject)


def overlap(one: str, other: str) -> bool:
    """Whether some subject matches both patterns."""
    mine, theirs = one.split("."), other.split(".")
    for own, foreign in zip(mine, theirs, strict=False):
        if ">" in (own, foreign):
            return True
        if "*" not in (own, foreign) and own != foreign:
            return False
    return len(mine) == len(theirs)


def usable(prefix: str) -> bool:
    try:
        check_prefix(prefix)
    except ValueError:
        return False
    return True


@given(prefixes.filter(usable), (prefixes | st.just("")).filter(usable))
def test_two_prefixes_share_no_name_and_no_subject(one: str, other: str) -> None:
    mine, theirs = Names(one), Names(other)
    if one == other:
        return
    assert stored(mine).isdisjoint(stored(theirs))
    pairs = itertools.product(subjects(mine), subjects(theirs))
    assert [pair for pair in pairs if overlap(*pair)] == []


@given(prefixes.filter(usable))
def test_every_name_of_a_prefix_is_legal(prefix: str) -> None:
    names = Names(prefix)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in stored(names))
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+(\.[*>])?", each) for each in subjects(names))


@given(prefixes.filter(usable), names)
def test_the_queue_can_be_read_behind_a_prefix(prefix: str, queue: str) -> None:
    assert queue_of(Names(prefix).job_subject(queue, "j")) == queue


def test_the_longest_prefix_leaves_names_that_a_server_takes() -> None:
    assert max(map(len, stored(Names("x" * LONGEST_PREFIX)))) <= 255
