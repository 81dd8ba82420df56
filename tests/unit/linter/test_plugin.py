"""The plugin in the real flake8."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_naq.linter import lint
from flake8_naq.rules import Rule, all_rules
from flake8_naq.settings import Settings

LEAKY = """\
import nats


async def publish(url):
    nc = await nats.connect(url)
    await nc.publish("a", b"")
    await nc.close()
"""


def flake8(folder: Path, *arguments: str, stdin: str | None = None) -> tuple[int, list[str], str]:
    done = subprocess.run(
        [sys.executable, "-m", "flake8", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, sorted(done.stdout.splitlines()), done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("queue", "results", "tools"):
        (tmp_path / f"{name}.py").write_text(LEAKY)
    (tmp_path / "plain.py").write_text("print('no server here')\n")
    return tmp_path


def codes(lines: list[str]) -> list[str]:
    return [" ".join((line.split(":")[0], line.split()[1])) for line in lines]


def test_a_tier_is_selected_by_the_first_digit(project: Path) -> None:
    status, lines, _ = flake8(project, "--isolated", "--select", "NAQ1", ".")
    assert (status, codes(lines)) == (1, ["./queue.py NAQ101", "./queue.py NAQ111"])


def test_a_finding_stands_where_the_acquiring_call_starts(project: Path) -> None:
    _, lines, _ = flake8(project, "--isolated", "--select", "NAQ2", "results.py")
    assert [line.split()[0] for line in lines] == ["results.py:5:16:", "results.py:5:16:"]


def test_jobs_and_stdin_give_the_same_findings(project: Path) -> None:
    _, one, _ = flake8(project, "--isolated", "--select", "NAQ", "-j", "1", ".")
    _, four, _ = flake8(project, "--isolated", "--select", "NAQ", "-j", "4", ".")
    assert len(one) == 6
    assert one == four
    _, piped, _ = flake8(
        project,
        "--isolated",
        "--select=NAQ",
        "--stdin-display-name=./queue.py",
        "-",
        stdin=LEAKY,
    )
    assert piped == [line for line in one if line.startswith("./queue.py")]


@pytest.mark.parametrize("name", ["setup.cfg", "tox.ini", ".flake8"])
def test_each_of_flake8s_files_configures_it(project: Path, name: str) -> None:
    (project / name).write_text(
        "[flake8]\nselect = NAQ\nnaq-low-priority = ./queue.py\nper-file-ignores =\n"
        "    results.py: NAQ2\n"
    )
    _, lines, _ = flake8(project, "queue.py", "results.py")
    assert codes(lines) == ["queue.py NAQ301", "queue.py NAQ311"]


def test_a_noqa_on_the_acquiring_line_silences_it(project: Path) -> None:
    text = LEAKY.replace("connect(url)", "connect(url)  # noqa: NAQ301, NAQ311")
    (project / "tools.py").write_text(text)
    assert flake8(project, "--isolated", "--select", "NAQ", "tools.py")[0] == 0


def test_a_helper_of_the_project_is_named_by_an_option(project: Path) -> None:
    (project / "tools.py").write_text(
        "from shop import open_bus\n\n\ndef send():\n    bus = open_bus()\n    bus.send()\n"
    )
    chosen = ("--isolated", "--select", "NAQ", "tools.py")
    assert flake8(project, *chosen)[0] == 0
    _, lines, _ = flake8(project, *chosen, "--naq-connect-functions", "open_bus")
    assert codes(lines) == ["tools.py NAQ301", "tools.py NAQ311"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--naq-connect-functions", "open-bus"),
        ("--naq-high-priority", "::Queue"),
        ("--naq-low-priority", "src/a.py::"),
        ("--naq-baseline", "missing.json"),
    ],
)
def test_a_bad_value_stops_with_one_clear_line(project: Path, option: str, value: str) -> None:
    status, lines, errors = flake8(project, "--isolated", option, value, "tools.py")
    assert status == 1
    lines_shown = [*lines, *errors.splitlines()]
    (ours,) = [line for line in lines_shown if "critical error during execution" not in line]
    assert value in ours


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.number)
def test_a_rule_is_written_down_whole(rule: Rule) -> None:
    assert re.fullmatch(r"\d\d", rule.number)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert re.fullmatch(r"[A-Z].*\.", rule.summary)
    assert rule.why.endswith("\n")


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.number)
def test_a_message_is_one_sentence_that_names_something_and_a_cure(rule: Rule) -> None:
    for example in rule.bad:
        for finding in lint(ast.parse(example.code), "example.py", Settings()):
            assert not finding.message.endswith(".")
            assert "\n" not in finding.message
            assert "`" in finding.message
            assert ": " in finding.message or finding.rule == "22"
