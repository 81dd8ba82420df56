"""Names of queues and jobs as tokens of subjects."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naq.names import Names, consumer_name, is_key, queue_of, token, untoken

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
