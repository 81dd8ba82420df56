"""The inventory as a page: one file, with text from code escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flake8_naq.cli import main

BY_HAND = """\
import nats


async def publish(url):
    nc = await nats.connect(url)
    await nc.publish("a", b"")
"""


class Reader(HTMLParser):
    """Reads the rows of all tables, and whatever a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(capsys: pytest.CaptureFixture[str]) -> tuple[str, Reader]:
    assert main(["inventory", "--format", "html"]) == 0
    text = capsys.readouterr().out
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return text, reader


def test_every_place_is_a_row_with_its_messages(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "queue.py").write_text(BY_HAND, "utf-8")
    (project / "other.py").write_text(BY_HAND, "utf-8")
    _, reader = read(capsys)
    assert [row[:2] for row in reader.rows[:4]] == [
        ["priority", "by hand"],
        ["high", "1"],
        ["low", "1"],
        ["all", "2"],
    ]
    assert [row[0] for row in reader.rows[4:]] == ["place", "queue.py:5", "place", "other.py:5"]
    row = reader.rows[5]
    assert row[1:7] == ["publish", "01 manual-connection", "A", "never", "1", ""]
    assert "NAQ111 nc is never closed: use async with await nats.connect(...)" in row[7]


def test_nothing_is_asked_of_another_host(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "queue.py").write_text(BY_HAND, "utf-8")
    text, reader = read(capsys)
    assert reader.fetched == []
    assert not re.search(r"https?:|url\(|@import|fetch\(", text)


def test_a_name_that_looks_like_markup_is_text(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "<b>$x & 'y'\".py").write_text(BY_HAND, "utf-8")
    _, reader = read(capsys)
    assert reader.rows[-1][0] == "<b>$x & 'y'\".py:5"


def test_nothing_to_report_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    text, reader = read(capsys)
    assert reader.rows == []
    assert "<p>0 files: 0 connections managed by hand" in text
    assert "<form" not in text
