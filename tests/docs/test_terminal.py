"""The picture of a terminal on the start page."""

from __future__ import annotations

import re

from recorder import terminal


def test_the_picture_shows_what_the_commands_print() -> None:
    drawn = terminal.PICTURE.read_text(encoding="utf-8")
    assert drawn == terminal.draw(), "python -m recorder sessions"


def test_the_picture_asks_no_other_host() -> None:
    addresses = re.findall(r"https?://[^\"' )]+", terminal.PICTURE.read_text(encoding="utf-8"))
    assert set(addresses) <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
