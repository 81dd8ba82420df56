"""``naq-migrate`` as a user meets it: its input, its messages, its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from flake8_naq.cli import main

BY_HAND = """\
import nats


async def publish(url):
    nc = await nats.connect(url)
    await nc.publish("orders", b"1")
    await nc.close()
"""
CLEAN = """\
import nats


async def publish(url):
    async with await nats.connect(url) as nc:
        await nc.publish("orders", b"1")
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without configuration."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths_in_inventory(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main(["inventory", "--format", "json", *arguments])
    return [one["path"] for one in json.loads(capsys.readouterr().out)["connections"]]


def flake8(*arguments: str) -> list[str]:
    """Lines of the real flake8 that are about NATS."""
    command = [sys.executable, "-m", "flake8", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if "NAQ" in line]


class TestPaths:
    def test_without_a_path_the_working_directory_is_read(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "package").mkdir()
        (project / "package" / "b.py").write_text(BY_HAND, "utf-8")
        (project / "a.py").write_text(BY_HAND, "utf-8")
        assert paths_in_inventory(capsys) == ["a.py", "package/b.py"]

    def test_what_git_ignores_is_skipped_but_an_explicit_file_is_taken(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        subprocess.run(["git", "init", "-q"], cwd=project, check=True)
        (project / ".gitignore").write_text("made.py\nbuild/\n", "utf-8")
        (project / "build").mkdir()
        for name in ("made.py", "build/lib.py", "kept.py"):
            (project / name).write_text(BY_HAND, "utf-8")
        assert paths_in_inventory(capsys, ".") == ["kept.py"]
        assert paths_in_inventory(capsys, "made.py") == ["made.py"]

    def test_what_flake8_excludes_is_skipped_even_when_explicit(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / ".flake8").write_text("[flake8]\nextend-exclude = old/*\n", "utf-8")
        (project / "old").mkdir()
        (project / "old" / "a.py").write_text(BY_HAND, "utf-8")
        assert paths_in_inventory(capsys, "old/a.py") == []

    def test_a_file_given_twice_is_read_once(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "a.py").write_text(BY_HAND, "utf-8")
        assert paths_in_inventory(capsys, "a.py", "./a.py", ".") == ["a.py"]

    def test_each_unreadable_file_has_one_line_and_the_others_go_on(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "broken.py").write_text("import nats\nx = (\n", "utf-8")
        (project / "latin.py").write_bytes("import nats  # caf\xe9\n".encode("latin-1"))
        (project / "null.py").write_bytes(b"import nats\0\n")
        (project / "good.py").write_text(BY_HAND, "utf-8")
        files = ["missing.py", "broken.py", "latin.py", "null.py", "good.py"]
        assert main(["inventory", "--format", "json", *files]) == 2
        output = capsys.readouterr()
        made = json.loads(output.out)
        assert [one["path"] for one in made["connections"]] == ["good.py"]
        assert made["files"] == 1
        missing, broken, latin, null = output.err.splitlines()
        assert missing == "naq-migrate: missing.py: no such file or directory"
        assert broken.startswith("naq-migrate: broken.py:2: not valid Python 3.")
        assert latin == "naq-migrate: latin.py: not UTF-8"
        assert null.startswith("naq-migrate: null.py")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_without_read_permission_is_named(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "secret.py").write_text(BY_HAND, "utf-8")
        (project / "secret.py").chmod(0)
        assert main(["inventory", "secret.py"]) == 2
        assert "naq-migrate: secret.py: permission denied" in capsys.readouterr().err

    def test_a_file_in_another_encoding_that_it_declares_is_read(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = "# -*- coding: latin-1 -*-\n# caf\xe9\n" + BY_HAND
        (project / "a.py").write_bytes(text.encode("latin-1"))
        assert paths_in_inventory(capsys, "a.py") == ["a.py"]

    @pytest.mark.parametrize("form", ["text", "markdown", "json", "sarif"])
    def test_a_name_that_is_not_text_is_escaped(self, project: Path, form: str) -> None:
        name = os.fsdecode(b"caf\xe9.py")
        (project / name).write_text(BY_HAND, "utf-8")
        done = subprocess.run(
            [naq_migrate(), "inventory", f"--format={form}"], capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert (rb"caf%E9.py" if form == "sarif" else rb"caf\udce9.py") in done.stdout

    def test_in_a_commit_hook_a_nested_repository_ignores_by_its_own_rules(
        self, project: Path
    ) -> None:
        (project / "nested").mkdir()
        for folder, ignored in ((project, "outer.py"), (project / "nested", "inner.py")):
            subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
            (folder / ".gitignore").write_text(f"{ignored}\n", "utf-8")
            for name in ("outer.py", "inner.py"):
                (folder / name).write_text(BY_HAND, "utf-8")
        command = [naq_migrate(), "inventory", "--format=json"]
        environment = os.environ | {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index"}
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        found = [one["path"] for one in json.loads(done.stdout)["connections"]]
        assert found == ["inner.py", "nested/outer.py"]

    def test_standard_input_goes_by_its_display_name(self, project: Path) -> None:
        done = subprocess.run(
            [naq_migrate(), "inventory", "--format=json", "--stdin-display-name=x/queue.py", "-"],
            input=BY_HAND,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        (found,) = json.loads(done.stdout)["connections"]
        assert (found["path"], found["tier"]) == ("x/queue.py", "high")


class TestAgreementWithFlake8:
    """The same options, the same configuration files, the same comments: the same findings."""

    @pytest.mark.parametrize(
        ("configuration", "left"),
        [
            ("", {"a.py", "noqa_other.py", "sub/b.py"}),
            ("select = NAQ1", set()),
            ("ignore = NAQ3", set()),
            ("extend-ignore = NAQ301", set()),
            ("per-file-ignores = sub/*:NAQ", {"a.py", "noqa_other.py"}),
            ("per-file-ignores =\n    a.py, sub/b.py: NAQ301", {"noqa_other.py"}),
            ("exclude = sub", {"a.py", "noqa_other.py"}),
            ("filename = *b.py", {"sub/b.py"}),
            (
                "disable-noqa = true",
                {"a.py", "noqa.py", "noqa_file.py", "noqa_other.py", "sub/b.py"},
            ),
            ("naq-connect-functions = open_bus", {"a.py", "noqa_other.py", "sub/b.py"}),
        ],
    )
    def test_what_the_configuration_leaves_out_is_out_of_the_inventory(
        self,
        project: Path,
        capsys: pytest.CaptureFixture[str],
        configuration: str,
        left: set[str],
    ) -> None:
        (project / ".flake8").write_text(f"[flake8]\n{configuration}\n", "utf-8")
        call = "nats.connect(url)"
        (project / "sub").mkdir()
        for name, text in {
            "a.py": BY_HAND,
            "sub/b.py": BY_HAND,
            "noqa.py": BY_HAND.replace(call, f"{call}  # noqa: NAQ301"),
            "noqa_other.py": BY_HAND.replace(call, f"{call}  # noqa: NAQ311, E501"),
            "noqa_file.py": "# flake8: noqa\n" + BY_HAND,
        }.items():
            (project / name).write_text(text, "utf-8")
        assert set(paths_in_inventory(capsys)) == left
        reported = {line.partition(":")[0] for line in flake8() if "NAQ301" in line}
        assert reported == {f"./{name}" for name in left}

    @pytest.mark.parametrize("file", ["setup.cfg", "tox.ini"])
    def test_every_configuration_file_of_flake8_is_read(
        self, project: Path, capsys: pytest.CaptureFixture[str], file: str
    ) -> None:
        (project / file).write_text("[flake8]\nexclude = a.py\n", "utf-8")
        (project / "a.py").write_text(BY_HAND, "utf-8")
        assert paths_in_inventory(capsys) == []

    @pytest.mark.parametrize(
        ("call", "silenced"),
        [
            ("nats.connect(  # noqa: NAQ3\n        url,\n    )", True),
            ("nats.connect(\n        url,\n    )  # noqa: NAQ3", False),
            ('nats.connect("""\nnats://""" + url)  # noqa: NAQ3', True),
        ],
        ids=["first line", "last line", "end of a string"],
    )
    def test_a_noqa_on_a_statement_of_several_lines_counts_where_it_does_in_flake8(
        self, project: Path, capsys: pytest.CaptureFixture[str], call: str, silenced: bool
    ) -> None:
        (project / "a.py").write_text(BY_HAND.replace("nats.connect(url)", call), "utf-8")
        assert bool(flake8("a.py")) is not silenced
        assert bool(paths_in_inventory(capsys, "a.py")) is not silenced

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_fix_leaves_alone_what_flake8_does_not_report(self, project: Path, jobs: str) -> None:
        ignores = "per-file-ignores =\n    ignored*.py: NAQ\nextend-ignore = NAQ1"
        (project / ".flake8").write_text(f"[flake8]\n{ignores}\n", "utf-8")
        by_hand = BY_HAND.replace("    await nc.pub", "    try:\n        await nc.pub")
        by_hand = by_hand.replace("    await nc.close()", "    finally:\n        await nc.close()")
        noqa = by_hand.replace("connect(url)", "connect(url)  # noqa: NAQ3")
        # So many files that several processes are worth it.
        for number in range(10):
            (project / f"a{number}.py").write_text(by_hand, "utf-8")
            (project / f"ignored{number}.py").write_text(by_hand, "utf-8")
            (project / f"queue{number}.py").write_text(by_hand, "utf-8")
            (project / f"noqa{number}.py").write_text(noqa, "utf-8")
        assert main(["fix", "--jobs", jobs]) == 0
        unchanged = {path.name[:-4] for path in project.glob("*.py") if "try:" in path.read_text()}
        assert unchanged == {"ignored", "queue", "noqa"}

    @pytest.mark.parametrize(
        ("configuration", "complaint"),
        [
            ("naq-connect-functions = not-a-name", "--naq-connect-functions: 'not-a-name'"),
            ("naq-high-priority = ::Queue", "--naq-high-priority"),
            ("ignore = notacode", "Error code 'notacode'"),
            ("per-file-ignores = a.py", "per-file-ignores"),
            ("max-line-length = wide", "flake8's configuration: "),
        ],
    )
    def test_a_bad_value_stops_with_one_line(
        self, project: Path, capsys: pytest.CaptureFixture[str], configuration: str, complaint: str
    ) -> None:
        (project / ".flake8").write_text(f"[flake8]\n{configuration}\n", "utf-8")
        (project / "a.py").write_text(BY_HAND, "utf-8")
        assert main(["inventory", "a.py"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("naq-migrate: ")
        assert complaint in line

    def test_a_missing_configuration_file_stops_with_one_line(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["inventory", "--config", "no.cfg"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "no.cfg" in line


def naq_migrate() -> str:
    return str(Path(sysconfig.get_path("scripts")) / "naq-migrate")


def test_a_reader_that_has_seen_enough_is_no_error(project: Path) -> None:
    (project / "a.py").write_text(BY_HAND * 2000, "utf-8")
    script = (
        f"{naq_migrate()} inventory --format markdown a.py 2>&1 | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines() == ["## NATS connections", "0"]


def test_without_rich_the_command_names_the_extra(project: Path) -> None:
    script = "import sys; sys.modules['rich'] = sys.modules['rich.console'] = None\nfrom flake8_naq.cli import main; sys.exit(main(['inventory']))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "naq-migrate: inventory needs rich: install flake8-naq with its extra `migrate`\n"
    )


@pytest.mark.parametrize("name", ["NAQ211", "naq311", "NAQx11", "11", "connection-leak"])
def test_explain_knows_a_rule_by_code_number_and_name(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["explain", "--format", "markdown", name]) == 0
    assert capsys.readouterr().out.startswith("# NAQx11 connection-leak\n")


@pytest.mark.parametrize("name", ["NAQ299", "NAQ411", "nonsense", "NAQ011", ""])
def test_explain_reports_an_unknown_rule_in_one_line(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["explain", name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert repr(name) in line


@pytest.mark.parametrize("code", ["NAQ001", "NAQ002"])
def test_explain_has_a_page_for_the_codes_of_the_plugin_itself(
    capsys: pytest.CaptureFixture[str], code: str
) -> None:
    assert main(["explain", code]) == 0
    assert code in capsys.readouterr().out
