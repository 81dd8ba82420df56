"""The pictures that commands draw: a terminal on the start page, the history of a sample."""

from __future__ import annotations

import re

from recorder import history_chart, terminal


def test_the_picture_shows_what_the_commands_print() -> None:
    drawn = terminal.PICTURE.read_text(encoding="utf-8")
    assert drawn == terminal.draw(), "python -m recorder sessions"


def test_no_picture_asks_another_host() -> None:
    pictures = terminal.PICTURE.read_text("utf-8") + history_chart.PICTURE.read_text("utf-8")
    addresses = re.findall(r"https?://[^\"' )]+", pictures)
    assert set(addresses) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_the_chart_shows_the_history_of_the_sample() -> None:
    drawn = history_chart.PICTURE.read_text(encoding="utf-8")
    assert drawn == history_chart.draw(), "python -m recorder sessions"


def test_the_sample_s_history_ends_with_every_connection_managed() -> None:
    drawn = history_chart.PICTURE.read_text(encoding="utf-8")
    assert f"{len(history_chart.STEPS)} commits" in drawn
    assert re.findall(r"priority: by hand \d+(?: → (\d+))?", drawn) == ["0", "", ""]
