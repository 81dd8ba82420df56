"""Errors in words: every one of nats-py's can be described, however it was made."""

from __future__ import annotations

import pytest
from nats.js.errors import APIError, KeyDeletedError, KeyNotFoundError

from naq.exceptions import describe_error


@pytest.mark.parametrize("error", [KeyNotFoundError(), KeyDeletedError(None, None)])
def test_an_error_of_the_server_without_a_description_is_described(error: APIError) -> None:
    assert not hasattr(error, "description")  # their constructors leave it out
    assert "key" in describe_error(error)
