"""Which priority a place has."""

from __future__ import annotations

from pathlib import Path

import pytest

from flake8_naq.settings import Settings
from flake8_naq.tiers import HIGH, LOW, MEDIUM, tier_of

DEFAULTS = Settings()


@pytest.mark.parametrize(
    ("path", "qualname", "tier"),
    [
        ("src/naq/worker.py", "WorkerStatusManager.update", MEDIUM),
        ("src/naq/queue/status.py", "", MEDIUM),
        ("src/naq/worker/status.py", "update", MEDIUM),
        ("src/naq/scheduler/anything.py", "", MEDIUM),
        ("docs/phases/scheduler/before/store.py", "put", MEDIUM),
        ("src/naq/results.py", "", MEDIUM),
        ("src/naq/queue/core.py", "Queue.enqueue", HIGH),
        ("src/naq/queue/scheduled.py", "", HIGH),
        ("src/naq/worker/failed.py", "", HIGH),
        ("src/naq/events/__init__.py", "", HIGH),
        ("src/naq/queue/cli.py", "", LOW),
        ("src/naq/dashboard.py", "EventView.render", HIGH),
        ("src/naq/dashboard.py", "render_events", LOW),
        ("src/naq/utils.py", "", LOW),
        ("setup.py", "", LOW),
        ("/elsewhere/queue/project/module.py", "", LOW),
    ],
)
def test_the_innermost_name_with_a_known_word_decides(path: str, qualname: str, tier: int) -> None:
    assert tier_of(path, qualname, DEFAULTS) == tier


def test_a_path_from_the_root_means_the_same_as_a_relative_one() -> None:
    path = Path("src/naq/queue/core.py")
    assert tier_of(str(path.absolute()), "", DEFAULTS) == tier_of(str(path), "", DEFAULTS) == HIGH


@pytest.mark.parametrize("glob", ["src/shop/*.py", "src/shop", "pay.py", "shop", "src/*/pay.py"])
def test_a_configured_glob_wins_over_the_words(glob: str) -> None:
    settings = Settings(high_priority=(glob,))
    assert tier_of("src/shop/pay.py", "Results.get", settings) == HIGH


def test_a_glob_may_name_a_place_in_the_file() -> None:
    settings = Settings(low_priority=("*/queue.py::Queue.debug*",))
    assert tier_of("src/queue.py", "Queue.debug_dump", settings) == LOW
    assert tier_of("src/queue.py", "Queue.enqueue", settings) == HIGH


def test_a_glob_that_names_a_class_holds_for_its_methods() -> None:
    settings = Settings(medium_priority=("src/queue.py::Queue",))
    assert tier_of("src/queue.py", "Queue.enqueue", settings) == MEDIUM
