"""The ratchet through plain flake8: known findings pass, new ones fail, fixed ones must leave."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flake8_naq.cli import main

BY_HAND = """\
import nats


async def publish(url):
    nc = await nats.connect(url)
    try:
        await nc.publish("orders", b"1")
    finally:
        await nc.close()
"""
CLEAN = """\
import nats


async def publish(url):
    async with await nats.connect(url) as nc:
        await nc.publish("orders", b"1")
"""
SECOND = BY_HAND.replace("import nats", "").replace("publish(url)", "again(url)")


def flake8(*arguments: str, cwd: Path | None = None, stdin: str | None = None) -> list[str]:
    """The codes that the real flake8 reports, each with its file, sorted."""
    command = [sys.executable, "-m", "flake8", "--select=NAQ", *arguments]
    done = subprocess.run(
        command, cwd=cwd, input=stdin, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.stderr == ""
    found = []
    for line in done.stdout.splitlines():
        path, _, _, rest = line.split(":", 3)
        found.append(f"{Path(path).name} {rest.split()[0]}")
    return sorted(found)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An old code base whose one finding is known."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".flake8").write_text("[flake8]\nnaq-baseline = naq-baseline.json\n", "utf-8")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "orders.py").write_text(BY_HAND, "utf-8")
    assert main(["baseline"]) == 0
    return tmp_path


def test_a_known_finding_passes_and_a_new_one_fails(project: Path) -> None:
    assert flake8() == []
    (project / "shop" / "new.py").write_text(BY_HAND, "utf-8")
    assert flake8() == ["new.py NAQ301"]


def test_a_second_finding_in_a_known_file_fails(project: Path) -> None:
    (project / "shop" / "orders.py").write_text(BY_HAND + SECOND, "utf-8")
    assert flake8() == ["orders.py NAQ301"]


def test_a_fixed_finding_must_leave_the_file(project: Path) -> None:
    (project / "shop" / "orders.py").write_text(CLEAN, "utf-8")
    assert flake8() == ["orders.py NAQ002"]
    assert main(["baseline", "--prune"]) == 0
    assert flake8() == []


def test_a_stale_entry_is_seen_where_nats_is_no_longer_mentioned(project: Path) -> None:
    (project / "shop" / "orders.py").write_text("", "utf-8")
    assert flake8() == ["orders.py NAQ002"]


def test_a_stale_entry_names_the_finding_and_the_command(project: Path) -> None:
    (project / "shop" / "orders.py").write_text(CLEAN, "utf-8")
    command = [sys.executable, "-m", "flake8", "--select=NAQ"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.stdout == (
        "./shop/orders.py:1:1: NAQ002 the baseline has a finding of rule 01 in `publish` that is "
        "gone, `nc = await nats.connect(url)`: take it out with `naq-migrate baseline --prune`\n"
    )


def test_a_deleted_file_is_found_by_the_check(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["baseline", "--check"]) == 0
    (project / "shop" / "orders.py").unlink()
    capsys.readouterr()
    assert main(["baseline", "--check"]) == 1
    line, total, advice = capsys.readouterr().out.splitlines()
    assert line == "shop/orders.py: gone: rule 01 in publish: nc = await nats.connect(url)"
    assert total == "naq-baseline.json is out of date: +0 −1"
    assert "naq-migrate baseline --prune" in advice
    assert main(["baseline", "--prune"]) == 0
    assert json.loads((project / "naq-baseline.json").read_text("utf-8"))["files"] == {}


def test_the_check_writes_nothing(project: Path) -> None:
    before = (project / "naq-baseline.json").read_bytes()
    (project / "shop" / "orders.py").write_text(BY_HAND + SECOND, "utf-8")
    assert main(["baseline", "--check"]) == 1
    assert (project / "naq-baseline.json").read_bytes() == before


@pytest.mark.parametrize("place", [".", "shop"])
@pytest.mark.parametrize("jobs", ["1", "4"])
def test_a_known_finding_passes_from_every_folder_and_with_several_jobs(
    project: Path, place: str, jobs: str
) -> None:
    for number in range(5):
        (project / "shop" / f"new{number}.py").write_text(BY_HAND, "utf-8")
    found = flake8("--jobs", jobs, str(project / "shop"), cwd=project / place)
    assert found == [f"new{number}.py NAQ301" for number in range(5)]


@pytest.mark.parametrize(
    "name", [lambda project: "shop/orders.py", lambda project: str(project / "shop" / "orders.py")]
)
def test_standard_input_is_known_by_its_display_name(
    project: Path, name: Callable[[Path], str]
) -> None:
    display = f"--stdin-display-name={name(project)}"
    assert flake8(display, "-", stdin=BY_HAND) == []
    assert flake8(display, "-", stdin=CLEAN) == ["orders.py NAQ002"]
    assert flake8("--stdin-display-name=other.py", "-", stdin=BY_HAND) == ["other.py NAQ301"]


def test_the_option_on_the_command_line_counts_from_the_working_directory(project: Path) -> None:
    assert flake8("--isolated") == ["orders.py NAQ301"]
    assert flake8("--isolated", "--naq-baseline", "naq-baseline.json") == []
    baseline = "--naq-baseline=../naq-baseline.json"
    assert flake8("--isolated", baseline, "orders.py", cwd=project / "shop") == []


def test_a_baseline_may_stand_in_a_folder_of_its_own(project: Path) -> None:
    (project / "ci").mkdir()
    (project / ".flake8").write_text("[flake8]\nnaq-baseline = ci/known.json\n", "utf-8")
    assert main(["baseline"]) == 0
    (entries,) = json.loads((project / "ci" / "known.json").read_text("utf-8"))["files"].items()
    assert entries[0] == "../shop/orders.py"
    assert flake8() == []
    assert flake8(".", cwd=project / "shop") == []


def test_a_missing_baseline_stops_flake8_with_one_line(project: Path) -> None:
    (project / "naq-baseline.json").unlink()
    command = [sys.executable, "-m", "flake8"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "no such baseline; `naq-migrate baseline` writes it" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_part_of_the_code_base_can_be_recorded_alone(project: Path) -> None:
    (project / "other").mkdir()
    (project / "other" / "a.py").write_text(BY_HAND, "utf-8")
    (project / "shop" / "orders.py").write_text(CLEAN, "utf-8")
    assert main(["baseline", "--add", "other"]) == 0
    assert flake8() == ["orders.py NAQ002"]


def test_only_what_flake8_reports_is_recorded(project: Path) -> None:
    noqa = BY_HAND.replace("nats.connect(url)", "nats.connect(url)  # noqa: NAQ301")
    (project / "shop" / "orders.py").write_text(noqa, "utf-8")
    assert main(["baseline"]) == 0
    assert json.loads((project / "naq-baseline.json").read_text("utf-8"))["files"] == {}


def test_one_tier_can_be_recorded_alone(project: Path) -> None:
    (project / "shop" / "queue.py").write_text(BY_HAND, "utf-8")
    (project / "naq-baseline.json").unlink()
    assert main(["baseline", "--select", "NAQ1"]) == 0
    assert flake8() == ["orders.py NAQ301"]


def test_a_code_base_without_the_option_gets_the_file_and_the_line_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.py").write_text(BY_HAND, "utf-8")
    assert main(["baseline"]) == 0
    written, advice = capsys.readouterr().out.splitlines()
    assert written == "naq-baseline.json: +1 −0, 1 known finding in 1 file"
    assert "`naq-baseline = naq-baseline.json`" in advice


def test_a_file_that_cannot_be_read_leaves_the_baseline_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (project / "naq-baseline.json").read_bytes()
    (project / "shop" / "broken.py").write_text("import nats\nx = (\n", "utf-8")
    (project / "shop" / "orders.py").write_text(CLEAN, "utf-8")
    assert main(["baseline"]) == 2
    assert (project / "naq-baseline.json").read_bytes() == before
    _, line = capsys.readouterr().err.splitlines()
    assert line.startswith("naq-migrate: naq-baseline.json is left as it is: 1 file cannot be read")
    assert main(["baseline", "--extend-exclude", "broken.py"]) == 0
    assert entries(project) == []


TWO_RULES = BY_HAND.replace("    try:\n        await", "    await").replace(
    "    finally:\n    ", ""
)


def entries(project: Path) -> list[str]:
    """File and rule of every known finding."""
    files = json.loads((project / "naq-baseline.json").read_text("utf-8"))["files"]
    return [f"{file} {entry['rule']}" for file, known in files.items() for entry in known]


class TestTheRatchetOnlyTightens:
    def test_a_new_finding_is_listed_and_left_out(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "shop" / "orders.py").write_text(CLEAN + SECOND, "utf-8")
        (project / "shop" / "new.py").write_text(BY_HAND, "utf-8")
        capsys.readouterr()
        assert main(["baseline"]) == 1
        assert capsys.readouterr().out.splitlines() == [
            "shop/new.py:5: new: rule 01 in publish: nc = await nats.connect(url)",
            "shop/orders.py:11: new: rule 01 in again: nc = await nats.connect(url)",
            "naq-baseline.json: +0 −1, 0 known findings in 0 files",
            "2 new findings left out: fix, or add with `naq-migrate baseline --add`.",
        ]
        assert flake8() == ["new.py NAQ301", "orders.py NAQ301"]

    def test_add_lists_what_it_takes_in(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "shop" / "orders.py").write_text(CLEAN + SECOND, "utf-8")
        (project / "shop" / "new.py").write_text(BY_HAND, "utf-8")
        capsys.readouterr()
        assert main(["baseline", "--add"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "shop/new.py:5: new: rule 01 in publish: nc = await nats.connect(url)",
            "shop/orders.py:11: new: rule 01 in again: nc = await nats.connect(url)",
            "naq-baseline.json: +2 −1, 2 known findings in 2 files",
        ]
        assert flake8() == []

    def test_prune_removes_what_is_gone_and_passes_over_what_is_new(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "shop" / "orders.py").write_text(CLEAN + SECOND, "utf-8")
        capsys.readouterr()
        assert main(["baseline", "--prune"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        assert line == "naq-baseline.json: +0 −1, 0 known findings in 0 files"
        assert flake8() == ["orders.py NAQ301"]

    def test_one_equal_finding_more_is_new(self, project: Path) -> None:
        twice = BY_HAND + BY_HAND.replace("import nats", "")
        (project / "shop" / "orders.py").write_text(twice, "utf-8")
        assert main(["baseline"]) == 1
        assert entries(project) == ["shop/orders.py 01"]
        assert main(["baseline", "--add"]) == 0
        assert entries(project) == ["shop/orders.py 01"] * 2
        (project / "shop" / "orders.py").write_text(BY_HAND, "utf-8")
        assert main(["baseline", "--prune"]) == 0
        assert entries(project) == ["shop/orders.py 01"]

    def test_prune_without_a_baseline_is_an_error(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "naq-baseline.json").unlink()
        assert main(["baseline", "--prune"]) == 2
        assert "no such baseline" in capsys.readouterr().err
        assert not (project / "naq-baseline.json").exists()

    def test_a_baseline_that_is_up_to_date_is_not_written(self, project: Path) -> None:
        before = (project / "naq-baseline.json").stat()
        assert main(["baseline"]) == 0
        assert (project / "naq-baseline.json").stat() == before


class TestWhatARunDoesNotLookAtIsKept:
    @pytest.fixture
    def two_rules(self, project: Path) -> Path:
        (project / "shop" / "orders.py").write_text(TWO_RULES, "utf-8")
        assert main(["baseline", "--add"]) == 0
        assert entries(project) == ["shop/orders.py 01", "shop/orders.py 11"]
        return project

    @pytest.mark.parametrize("mode", [[], ["--prune"], ["--add"]])
    @pytest.mark.parametrize(
        "selection", [["--select=NAQ301"], ["--select=NAQ1"], ["--extend-ignore=NAQ311"]]
    )
    def test_other_rules_and_tiers(
        self, two_rules: Path, mode: list[str], selection: list[str]
    ) -> None:
        assert main(["baseline", *mode, *selection]) == 0
        assert entries(two_rules) == ["shop/orders.py 01", "shop/orders.py 11"]

    def test_the_check_passes_over_other_rules(self, two_rules: Path) -> None:
        assert main(["baseline", "--check", "--select=NAQ301"]) == 0

    def test_what_flake8_calls_stale_is_pruned_whatever_is_selected(self, two_rules: Path) -> None:
        (two_rules / ".flake8").write_text(
            "[flake8]\nnaq-baseline = naq-baseline.json\nextend-ignore = NAQ311\n", "utf-8"
        )
        (two_rules / "shop" / "orders.py").write_text(BY_HAND, "utf-8")
        assert flake8() == ["orders.py NAQ002"]
        assert main(["baseline", "--prune"]) == 0
        assert flake8() == []
        assert entries(two_rules) == ["shop/orders.py 01"]

    def test_files_outside_of_the_paths_even_if_they_are_gone(self, project: Path) -> None:
        (project / "other").mkdir()
        (project / "other" / "a.py").write_text(BY_HAND, "utf-8")
        (project / "shop" / "orders.py").unlink()
        assert main(["baseline", "--add", "other"]) == 0
        assert entries(project) == ["other/a.py 01", "shop/orders.py 01"]

    def test_files_that_are_excluded(self, project: Path) -> None:
        assert main(["baseline", "--extend-exclude=shop"]) == 0
        assert entries(project) == ["shop/orders.py 01"]

    def test_a_folder_whose_name_starts_as_the_path_does(self, project: Path) -> None:
        (project / "shop2").mkdir()
        (project / "shop2" / "a.py").write_text(BY_HAND, "utf-8")
        assert main(["baseline", "--add"]) == 0
        (project / "shop2" / "a.py").unlink()
        assert main(["baseline", "shop"]) == 0
        assert entries(project) == ["shop/orders.py 01", "shop2/a.py 01"]


@pytest.mark.parametrize("mode", [[], ["--add"], ["--prune"], ["--check"]])
@pytest.mark.parametrize(
    ("fault", "place"),
    [("<<<<<<< ours\n", "naq-baseline.json:1: merge conflict"), ("", "naq-baseline.json:1: not")],
)
def test_a_corrupt_baseline_is_an_error_that_names_the_line_and_stays_as_it_is(
    project: Path, capsys: pytest.CaptureFixture[str], mode: list[str], fault: str, place: str
) -> None:
    (project / "naq-baseline.json").write_text(fault, "utf-8")
    assert main(["baseline", *mode]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert place in line
    assert (project / "naq-baseline.json").read_text("utf-8") == fault


def test_a_corrupt_baseline_stops_flake8_with_its_line(project: Path) -> None:
    (project / "naq-baseline.json").write_text("{\n<<<<<<< ours\n", "utf-8")
    command = [sys.executable, "-m", "flake8"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "naq-baseline.json:2: merge conflict" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_either_side_of_a_conflict_and_a_prune_bring_the_baseline_up_to_date(
    project: Path,
) -> None:
    (project / "shop" / "other.py").write_text(BY_HAND, "utf-8")
    assert main(["baseline", "--add"]) == 0
    both = (project / "naq-baseline.json").read_bytes()
    for name in ("orders.py", "other.py"):  # each branch fixed one, the merge has both
        (project / "shop" / name).write_text(CLEAN, "utf-8")
    for fixed in ("orders.py", "other.py"):
        (project / "naq-baseline.json").write_bytes(both.replace(fixed.encode(), b"gone.py"))
        assert main(["baseline", "--prune"]) == 0
        assert flake8() == []
