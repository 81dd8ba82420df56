"""The findings one a line: what flake8 reports, as GitHub and as programs read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flake8_naq.cli import main
from flake8_naq.findings import Finding
from flake8_naq.report import listing

BY_HAND = """\
import nats


async def publish(url):
    'é€😀'; nc = await nats.connect(url)
    await nc.publish("orders", b"1")
    await nc.close()
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cli.py").write_text(BY_HAND, "utf-8")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    capsys.readouterr()
    assert main(["inventory", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def codes(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [json.loads(line)["code"] for line in printed(capsys, "--format=json-lines")]


def test_json_lines_hold_one_finding_each(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (json.loads(line) for line in printed(capsys, "--format=json-lines"))
    assert first == {
        "path": "cli.py",
        "line": 5,
        "column": BY_HAND.splitlines()[4].index("nats.connect") + 1,
        "code": "NAQ301",
        "rule": "manual-connection",
        "level": "note",
        "function": "publish",
        "message": first["message"],
    }
    assert (second["code"], second["level"]) == ("NAQ311", "warning")


def test_github_annotates_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = printed(capsys, "--format=github")
    column = BY_HAND.splitlines()[4].index("nats.connect") + 1
    assert first.startswith(
        f"::notice file=cli.py,line=5,col={column},title=NAQ301 manual-connection::`nc` is managed"
    )
    assert second.startswith("::warning file=cli.py,line=5,")


def test_github_reads_no_command_out_of_a_path_or_a_message() -> None:
    finding = Finding(1, 0, "11", 1, "100 % of\r\n::error::`x`", "f")
    line = listing.github("a,b:c%.py", 1, finding)
    assert line == (
        "::error file=a%2Cb%3Ac%25.py,line=1,col=1,title=NAQ111 connection-leak"
        "::100 %25 of%0D%0A::error::`x`"
    )


def test_what_flake8_does_not_report_is_left_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noqa = BY_HAND.replace("connect(url)", "connect(url)  # noqa: NAQ301")
    (project / "cli.py").write_text(noqa, "utf-8")
    assert codes(capsys) == ["NAQ311"]


def test_what_the_baseline_knows_is_left_out_and_a_stale_entry_is_not(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / ".flake8").write_text("[flake8]\nnaq-baseline = known.json\n", "utf-8")
    assert main(["baseline"]) == 0
    assert codes(capsys) == []
    (project / "cli.py").write_text(BY_HAND.replace("    await nc.close()\n", ""), "utf-8")
    assert codes(capsys) == []
    (project / "cli.py").write_text("", "utf-8")
    assert codes(capsys) == ["NAQ002", "NAQ002"]
    (line, _) = printed(capsys, "--format=github")
    assert line.startswith("::error file=cli.py,line=1,col=1,title=NAQ002 stale-baseline-entry::")
