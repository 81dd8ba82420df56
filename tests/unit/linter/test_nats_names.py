"""The table of nats-py's names is what the installed nats-py has."""

from __future__ import annotations

import importlib.metadata
import json

import pytest

from recorder.nats_names import TABLE, as_text, nats_names

KEPT = json.loads(TABLE.read_text(encoding="utf-8"))


@pytest.mark.skipif(
    importlib.metadata.version("nats-py") != KEPT["version"],
    reason="made from another version of nats-py",
)
def test_the_table_is_up_to_date() -> None:
    assert TABLE.read_text(encoding="utf-8") == as_text(nats_names())


@pytest.mark.parametrize(
    "name", ["KeyNotFoundError", "BucketNotFoundError", "NotFoundError", "APIError"]
)
def test_the_errors_of_jetstream_are_in_it(name: str) -> None:
    assert name in KEPT["modules"]["nats.js.errors"]
    assert name not in KEPT["modules"]["nats.errors"]
