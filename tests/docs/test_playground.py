"""The playground's Python, its build, and the links that open code in it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import zlib
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from flake8_naq.cli import main
from flake8_naq.migrate.match.ast_grep import executable
from flake8_naq.rules import all_rules
from recorder import pages
from recorder.phases import all_phases
from recorder.playground import build, page
from recorder.playground.session import Session
from recorder.reference import pairs, rules

SAMPLE = """\
from naq.connection import close_nats_connection, get_nats_connection


async def flush(url):
    nc = await get_nats_connection(url)
    try:
        await nc.flush()
    finally:
        await close_nats_connection(nc)
"""
LEAK = (
    "import nats\n\n\nasync def up(url):\n    nc = await nats.connect(url)\n    await nc.flush()\n"
)


def unpacked(fragment: str) -> str:
    (packed,) = parse_qs(fragment.removeprefix("#"))["code"]
    return zlib.decompress(
        base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), -15
    ).decode()


def linked(markdown: str) -> list[str]:
    links = re.findall(r'<a class="try" href="playground:(.*?)">', markdown)
    return [unpacked(unescape(link)) for link in links]


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.number)
def test_a_rule_s_page_opens_each_of_its_examples(rule: Any) -> None:
    examples = (*rule.bad, *rule.good, *rule.misses)
    assert linked(rules.page(rule)) == [example.code for example in examples]


@pytest.mark.parametrize("phase", all_phases(), ids=lambda phase: phase.name)
def test_a_phase_s_page_opens_each_of_its_modules(phase: Any) -> None:
    modules = [file.read_text("utf-8") for file in phase.files(phase.before)]
    assert linked(pages.code(phase)) == modules


@pytest.mark.parametrize("name", pairs.PAGES)
def test_a_page_of_pairs_opens_each_of_them(name: str) -> None:
    before = [(folder / "before.py").read_text("utf-8") for folder, _ in pairs.pairs(name)]
    assert linked(pairs.page(name)) == before


def test_a_link_leads_to_the_playground_from_where_it_stands() -> None:
    assert 'href="../../playground/#code=' in page.addressed(page.link("x"), "../../playground/")


def test_a_fragment_names_the_file_that_decides_the_priority() -> None:
    assert parse_qs(page.fragment("x", "naq/queue.py"))["file"] == ["naq/queue.py"]
    assert "file" not in parse_qs(page.fragment("x"))


def test_without_its_parts_the_page_says_how_to_build_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "assets", lambda: None)
    assert "python -m recorder playground" in page.page()
    assert "<script" not in page.page()


def test_a_build_without_npm_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "CACHE", tmp_path)
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    with pytest.raises(build.BuildError, match=r"npm is missing: .*apt-get install npm"):
        build.build()


def test_every_package_of_npm_is_pinned_by_its_hash() -> None:
    lock = json.loads((build.HERE / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []
    asked = json.loads((build.HERE / "package.json").read_text("utf-8"))["dependencies"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in asked.values())


def program(text: str, rule: str) -> bool:
    """ast-grep's program in place of its library, on the rule as the library gets it."""
    document = {"id": "one", "language": "python", **json.loads(rule)}
    command = [executable(), "scan", "--stdin", "--inline-rules", json.dumps(document), "--json"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return bool(json.loads(done.stdout))


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(tmp_path)
    return Session(program)


def test_findings_have_their_place_in_characters(session: Session) -> None:
    code = 'import nats\nasync def up():\n    ["é", nc := await nats.connect()]\n    await nc.flush()\n'
    (first, *_) = json.loads(session.analyse(code, "naq/queue.py"))["findings"]
    assert code.splitlines()[2][first["column"] :].startswith("nats.connect()")
    assert first["code"].startswith("NAQ1")


def test_a_comment_silences_a_finding(session: Session) -> None:
    code = LEAK.replace("connect(url)", "connect(url)  # noqa: NAQ301, NAQ311")
    assert json.loads(session.analyse(code, "example.py"))["findings"] == []


def test_a_text_that_is_not_python_gives_its_error(session: Session) -> None:
    answer = json.loads(session.analyse("nats = (", "example.py"))
    assert answer["error"].startswith("example.py:1: not valid Python")
    assert json.loads(session.fix("nats = (", "example.py", False))["error"]
    assert json.loads(session.graph("nats = (", "example.py")) == []


@pytest.mark.parametrize("unsafe", [False, True])
def test_a_fix_is_the_command_line_s(
    session: Session, unsafe: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for code in (SAMPLE, LEAK, "print()\n"):
        answer = json.loads(session.fix(code, "example.py", unsafe))
        options = ["--unsafe-fixes"] if unsafe else []
        main(["fix", "--diff", "--isolated", *options, "example.py"])
        printed = capsys.readouterr()
        assert answer["diff"] == printed.out
        assert [line for line in printed.err.splitlines() if line.startswith("example.py:")] == (
            answer["messages"]
        )


def test_a_text_without_a_match_is_searched_and_left(session: Session) -> None:
    answer = json.loads(session.fix("nats = 1\n", "example.py", False))
    assert answer == {"text": "nats = 1\n", "diff": "", "messages": [], "rewritten": 0}


def test_a_graph_has_the_path_that_leaks(session: Session) -> None:
    (graph,) = json.loads(session.graph(LEAK, "example.py"))
    (leak,) = graph["leaks"]
    assert (leak["name"], leak["opened"], leak["how"]) == ("nc", 5, "ends")
    assert [edge["target"] for edge in leak["edges"]] == [6, "end"]
