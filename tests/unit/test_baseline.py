"""The ratchet's file: what makes a finding known, and what makes an entry stale."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flake8_naq.baseline import Baseline, BaselineError, Entry
from flake8_naq.findings import Finding

LINES = [
    "async def store(url):\n",
    "    nc = await get_nats_connection(url)\n",
    "    mc = await get_nats_connection(url)\n",
]


def finding(line: int = 2, rule: str = "03", tier: int = 2, function: str = "store") -> Finding:
    return Finding(line, 9, rule, tier, "message", function)


def baseline(folder: Path, *findings: Finding, lines: list[str] = LINES) -> Baseline:
    empty = Baseline(folder / "baseline.json", {})
    return empty.with_files({"app.py": [Entry.of(found, lines) for found in findings]})


def codes(findings: list[Finding]) -> list[str]:
    return [found.code for found in findings]


def test_a_known_finding_is_not_reported(tmp_path: Path) -> None:
    known = baseline(tmp_path, finding())
    assert known.new(str(tmp_path / "app.py"), [finding()], LINES) == []


def test_an_entry_that_nothing_matches_is_stale_and_names_what_is_gone(tmp_path: Path) -> None:
    (stale,) = baseline(tmp_path, finding()).new(str(tmp_path / "app.py"), [], [])
    assert (stale.code, stale.line) == ("NAQ002", 1)
    assert "rule 03 in `store`" in stale.message
    assert "`nc = await get_nats_connection(url)`" in stale.message


def test_two_equal_findings_need_two_entries(tmp_path: Path) -> None:
    file = str(tmp_path / "app.py")
    lines = [LINES[1], LINES[1]]
    once = baseline(tmp_path, finding(1), lines=lines)
    assert codes(once.new(file, [finding(1), finding(2)], lines)) == ["NAQ203"]
    twice = baseline(tmp_path, finding(1), finding(2), lines=lines)
    assert twice.new(file, [finding(1), finding(2)], lines) == []
    assert codes(twice.new(file, [finding(1)], lines)) == ["NAQ002"]


def test_code_that_moved_keeps_its_entry(tmp_path: Path) -> None:
    moved = ["# a new first line\n", *LINES]
    known = baseline(tmp_path, finding())
    assert known.new(str(tmp_path / "app.py"), [finding(3)], moved) == []


def test_code_with_new_indentation_keeps_its_entry(tmp_path: Path) -> None:
    indented = ["if True:\n", "\tnc  =  await get_nats_connection(url)\n"]
    known = baseline(tmp_path, finding())
    assert known.new(str(tmp_path / "app.py"), [finding(2)], indented) == []


def test_a_finding_that_changed_its_tier_keeps_its_entry(tmp_path: Path) -> None:
    known = baseline(tmp_path, finding(tier=2))
    assert known.new(str(tmp_path / "app.py"), [finding(tier=1)], LINES) == []


@pytest.mark.parametrize(
    "other",
    [finding(rule="11"), finding(function="load"), finding(line=3)],
    ids=["rule", "function", "text of the line"],
)
def test_one_finding_put_in_the_place_of_another_is_seen(tmp_path: Path, other: Finding) -> None:
    known = baseline(tmp_path, finding())
    assert codes(known.new(str(tmp_path / "app.py"), [other], LINES)) == ["NAQ002", other.code]


def test_the_plugin_s_own_findings_never_get_an_entry(tmp_path: Path) -> None:
    failure = finding(rule="01", tier=0)
    known = baseline(tmp_path, finding(rule="01", tier=1))
    assert codes(known.new(str(tmp_path / "app.py"), [failure], LINES)) == ["NAQ002", "NAQ001"]


def test_a_path_means_the_same_from_every_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    known = baseline(tmp_path, finding())
    monkeypatch.chdir(tmp_path / "sub")
    assert known.key("../app.py") == "app.py"
    monkeypatch.chdir(tmp_path)
    assert known.key("./app.py") == known.key("app.py") == known.key(f"{tmp_path}/app.py")


def test_a_file_reached_over_a_symbolic_link_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    known = baseline(tmp_path / "real", finding())
    assert known.covers(str(tmp_path / "link" / "app.py"))


def test_a_file_written_has_one_entry_a_line(tmp_path: Path) -> None:
    baseline(tmp_path, finding(), finding(3)).save()
    assert (tmp_path / "baseline.json").read_text("utf-8").splitlines() == [
        "{",
        '  "version": 1,',
        '  "files": {',
        '    "app.py": [',
        '      {"rule": "03", "function": "store", "line": "mc = await get_nats_connection(url)"},',
        '      {"rule": "03", "function": "store", "line": "nc = await get_nats_connection(url)"}',
        "    ]",
        "  }",
        "}",
    ]


text = st.text(st.characters(exclude_categories=["Cs"]))
entries = st.builds(Entry, text, text, text)


@given(files=st.dictionaries(text, st.lists(entries, min_size=1)))
def test_what_was_saved_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[Entry]]
) -> None:
    path = tmp_path_factory.mktemp("saved") / "baseline.json"
    saved = Baseline(path, {}).with_files(files)
    saved.save()
    assert Baseline.load(path) == saved


def test_a_file_whose_findings_are_all_gone_leaves_the_baseline(tmp_path: Path) -> None:
    assert baseline(tmp_path, finding()).with_files({"app.py": []}).files == {}


GOOD = """\
{
  "version": 1,
  "files": {
    "a.py": [
      {"rule": "03", "function": "f", "line": "x"},
      {"rule": "11", "function": "f", "line": "x"}
    ],
    "b.py": [
      {"rule": "03", "function": "g", "line": "y"}
    ]
  }
}
"""


@pytest.mark.parametrize(
    ("content", "line", "complaint"),
    [
        ("", 1, "not JSON"),
        ("[]", 1, "not a baseline"),
        ('{"version": 1}', 1, '"files" must map paths'),
        (GOOD.replace('"version": 1', '"version": 2'), 2, "not a baseline of this version"),
        (GOOD.replace('"version": 1,\n', ""), 1, "not a baseline of this version"),
        (GOOD[: GOOD.index("x") + 1], 5, "not JSON (unterminated string"),
        (GOOD.replace("},\n      {", "}\n      {"), 6, "not JSON (expecting ',' delimiter)"),
        (GOOD.replace('"rule": "11", ', ""), 6, '"files" must map paths'),
        (GOOD.replace('"rule": "11"', '"rule": 11'), 6, '"files" must map paths'),
        (GOOD.replace('"rule": "11"', '"rule": "11", "tier": "1"'), 6, '"files" must map paths'),
        (GOOD.replace('{"rule": "03", "function": "g", "line": "y"}', "3"), 9, '"files" must map'),
        (GOOD.replace('"line": "y"', '"line": "\\/"').replace('"11"', "null"), 6, '"files" must'),
        (GOOD.replace("b.py", "a.py"), 8, '"a.py" twice'),
        ("[" * 100_000, 1, "nested too deeply"),
        (GOOD.encode().replace(b'"y"', b'"\xff"'), 9, "not UTF-8"),
    ],
)
def test_a_file_that_is_no_baseline_is_named_with_the_line_of_its_fault(
    tmp_path: Path, content: str | bytes, line: int, complaint: str
) -> None:
    path = tmp_path / "baseline.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BaselineError) as caught:
        Baseline.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert complaint in message
    assert "restore it from git" in message
    assert "\n" not in message


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_a_merge_conflict_is_named_with_its_line_and_its_cure(tmp_path: Path, style: str) -> None:
    base = "||||||| base\n" if style == "diff3" else ""
    path = tmp_path / "baseline.json"
    conflict = f"<<<<<<< ours\n    ],\n{base}=======\n    ]\n>>>>>>> theirs\n"
    path.write_text(GOOD.replace("    ],\n", conflict), "utf-8")
    with pytest.raises(BaselineError, match="merge conflict") as caught:
        Baseline.load(path)
    assert str(caught.value).startswith(f"{path}:7: ")
    assert "--prune" in str(caught.value)


def test_a_conflict_mark_inside_of_an_entry_is_text(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(GOOD.replace('"y"', '"<<<<<<< y"'), "utf-8")
    assert Baseline.load(path).files["b.py"] == (Entry("03", "g", "<<<<<<< y"),)


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text(GOOD, "utf-8")
    (tmp_path / "real.json").chmod(0o640)
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    Baseline.load(tmp_path / "link.json").with_files({"b.py": []}).save()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "real.json"]
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").stat().st_mode & 0o777 == 0o640
    assert set(Baseline.load(tmp_path / "real.json").files) == {"a.py"}


def test_a_missing_file_is_named_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="naq-migrate baseline"):
        Baseline.load(tmp_path / "baseline.json")


def test_the_documented_format_is_the_format(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    entry = {"rule": "03", "function": "Orders.store", "line": "nc = await connect(self.url)"}
    path.write_text(
        json.dumps({"version": 1, "files": {"src/shop/orders.py": [entry]}}), encoding="utf-8"
    )
    assert Baseline.load(path).covers(str(tmp_path / "src/shop/orders.py"))
