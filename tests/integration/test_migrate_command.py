"""``naq-migrate fix`` as a user runs it: what it reads, writes, prints and returns."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

OLD = """\
import nats


async def ping(url):
    nc = await nats.connect(url)
    await nc.flush()
    await nc.close()
"""
NEW = """\
import nats


async def ping(url):
    async with await nats.connect(url) as nc:
        await nc.flush()
"""
LEFT = """\
import nats


async def keep(url):
    nc = await nats.connect(url)
    await nc.flush()
"""


def fix(
    folder: Path, *arguments: str, stdin: bytes = b"", path: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", *arguments]
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    return subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, check=False, env=environment
    )


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def error(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line of an error."""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ping.py"
    path.write_text(OLD)
    return path


def test_it_rewrites_and_prints_the_counts(file: Path) -> None:
    done = fix(file.parent, ".")
    assert (done.returncode, file.read_text()) == (0, NEW)
    assert error(done) == "1 place rewritten in 1 file"


def test_nothing_to_do_is_silence_and_zero(file: Path) -> None:
    file.write_text(NEW)
    done = fix(file.parent, ".")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_line_number_between_colons_is_no_emoji(tmp_path: Path) -> None:
    (tmp_path / "left.py").write_text("\n" * 95 + LEFT, encoding="utf-8")
    assert b"left.py:100: NAQ301 left in `keep`" in fix(tmp_path).stderr


def test_a_diff_goes_to_standard_output_and_exits_with_one(file: Path) -> None:
    done = fix(file.parent, "--diff", ".")
    assert (done.returncode, file.read_text()) == (1, OLD)
    assert done.stdout.decode().startswith("--- ping.py\n+++ ping.py\n")
    assert "+    async with await nats.connect(url) as nc:" in done.stdout.decode()


def test_check_only_reports(file: Path) -> None:
    done = fix(file.parent, "--check", ".")
    assert (done.returncode, file.read_text(), done.stdout) == (1, OLD, b"")
    assert error(done) == "1 place would be rewritten in 1 file"


def test_a_place_that_is_left_gets_one_line_with_the_reason(file: Path) -> None:
    file.write_text(LEFT)
    done = fix(file.parent, "ping.py")
    assert (done.returncode, file.read_text()) == (0, LEFT)
    first, summary = done.stderr.decode().splitlines()
    assert first.startswith("ping.py:5: NAQ301 left in `keep`: `nc` was never closed")
    assert summary == "1 place left as it is"


def test_strict_fails_when_a_place_is_left(file: Path) -> None:
    file.write_text(LEFT)
    assert fix(file.parent, "--strict", ".").returncode == 1


def test_unsafe_fixes_close_what_was_never_closed(file: Path) -> None:
    file.write_text(LEFT)
    done = fix(file.parent, "--unsafe-fixes", ".")
    assert "async with await nats.connect(url) as nc:" in file.read_text()
    assert b"unsafe in `keep`" in done.stderr


def results(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def test_json_has_one_result_for_a_rewritten_site(file: Path) -> None:
    done = fix(file.parent, "--format", "json", ".")
    assert (done.returncode, done.stderr, file.read_text()) == (0, b"", NEW)
    assert results(done) == {
        "results": [
            {
                "path": "ping.py",
                "line": 5,
                "code": "NAQ301",
                "function": "ping",
                "kind": "rewritten",
                "message": None,
                "lines": [],
            }
        ],
        "errors": [],
        "summary": {"written": True, "rewritten": 1, "files": 1, "left": 0},
    }


def test_json_gives_a_reason_with_its_lines(file: Path) -> None:
    file.write_text(OLD.replace("    await nc.flush()", "    if url:\n        return"))
    done = fix(file.parent, "--format", "json", "--check", ".")
    (result,) = results(done)["results"]
    assert (done.returncode, result["kind"]) == (0, "left")
    assert result["lines"] == [{"path": "ping.py", "line": 7}]
    assert "line 7" in result["message"]
    assert results(done)["summary"] == {"written": False, "rewritten": 0, "files": 0, "left": 1}


def test_json_lists_the_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nats\nnats.connect(\n")
    done = fix(tmp_path, "--format", "json", ".")
    assert (done.returncode, done.stderr) == (2, b"")
    (problem,) = results(done)["errors"]
    assert problem["path"] == "broken.py"
    assert "not valid Python" in problem["message"]


def test_json_of_nothing_to_do_is_a_whole_document(file: Path) -> None:
    file.write_text(NEW)
    assert results(fix(file.parent, "--format", "json", "."))["results"] == []


def test_github_annotates_each_site(file: Path) -> None:
    (file.parent / "a,b.py").write_text(LEFT)
    done = fix(file.parent, "--format", "github", "--check", ".")
    assert done.returncode == 1
    left, pending = done.stdout.decode().splitlines()
    assert left.startswith("::warning file=a%2Cb.py,line=5,title=NAQ301 left::`keep`: `nc` ")
    assert pending == ("::error file=ping.py,line=5,title=NAQ301 would be rewritten::`ping`")


@pytest.mark.parametrize("format_", ["json", "github"])
def test_a_format_for_machines_has_standard_output_for_itself(file: Path, format_: str) -> None:
    done = fix(file.parent, "--format", format_, "--diff", ".")
    assert (done.returncode, done.stdout) == (2, b"")
    assert error(done) == f"naq-migrate: --format {format_} and --diff both go to standard output"
    done = fix(file.parent, "--format", format_, "-", stdin=OLD.encode())
    assert (done.returncode, done.stdout) == (2, b"")
    done = fix(file.parent, "--format", format_, "--check", "-", stdin=OLD.encode())
    assert (done.returncode, b"rewritten" in done.stdout) == (1, True)


def test_select_leaves_the_other_tiers_alone(file: Path) -> None:
    assert fix(file.parent, "--select", "NAQ2", ".").returncode == 0
    assert file.read_text() == OLD
    fix(file.parent, "--select", "NAQ3", ".")
    assert file.read_text() == NEW


@pytest.mark.parametrize("code", ["FOO", "NAQ9", "NAQ399", "E501", "naq3"])
@pytest.mark.parametrize("option", ["--select", "--extend-select"])
def test_a_code_that_no_rule_has_is_wrong_usage(file: Path, option: str, code: str) -> None:
    done = fix(file.parent, option, f"NAQ3,{code}", ".")
    assert (done.returncode, file.read_text()) == (2, OLD)
    assert error(done) == f"naq-migrate: {option} {code}: no rule has such a code"


@pytest.mark.parametrize("code", ["N", "NAQ", "NAQ3", "NAQ30", "NAQ301", "NAQ0,NAQ3", " NAQ301 "])
def test_any_beginning_of_a_code_selects(file: Path, code: str) -> None:
    assert fix(file.parent, "--select", code, ".").returncode == 0
    assert file.read_text() == NEW


def test_standard_input_goes_to_standard_output(tmp_path: Path) -> None:
    done = fix(tmp_path, "-", stdin=OLD.encode())
    assert (done.returncode, done.stdout.decode()) == (0, NEW)


def test_line_endings_and_byte_order_mark_stay(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + OLD.replace("\n", "\r\n").encode())
    fix(file.parent, ".")
    assert file.read_bytes() == b"\xef\xbb\xbf" + NEW.replace("\n", "\r\n").encode()


def test_the_mode_of_a_file_stays(file: Path) -> None:
    file.chmod(0o754)
    fix(file.parent, ".")
    assert file.stat().st_mode & 0o777 == 0o754


def test_a_symbolic_link_stays_one_and_its_target_changes(file: Path, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    link = tmp_path / "place" / "link.py"
    link.symlink_to(file)
    fix(tmp_path / "place", "link.py")
    assert link.is_symlink()
    assert file.read_text() == NEW


def test_no_other_file_is_left_behind(file: Path) -> None:
    fix(file.parent, ".")
    assert [path.name for path in file.parent.iterdir()] == ["ping.py"]


def test_a_file_with_unstaged_changes_is_not_touched(file: Path) -> None:
    git(file.parent, "init", "-q")
    file.write_text("import nats\n")
    git(file.parent, "add", ".")
    file.write_text(OLD)
    done = fix(file.parent, "ping.py")
    assert (done.returncode, file.read_text()) == (2, OLD)
    assert "--allow-dirty" in error(done)


def test_a_staged_file_is_rewritten(file: Path) -> None:
    git(file.parent, "init", "-q")
    git(file.parent, "add", ".")
    assert fix(file.parent, "ping.py").returncode == 0
    assert file.read_text() == NEW


def test_allow_dirty_rewrites_all_the_same(file: Path) -> None:
    git(file.parent, "init", "-q")
    assert fix(file.parent, "--allow-dirty", "ping.py").returncode == 0
    assert file.read_text() == NEW


def test_a_file_that_git_ignores_is_passed_over_unless_named(file: Path) -> None:
    git(file.parent, "init", "-q")
    (file.parent / ".gitignore").write_text("ping.py\n")
    fix(file.parent, ".")
    assert file.read_text() == OLD
    fix(file.parent, "ping.py")
    assert file.read_text() == NEW


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"def f(:\n    nats\n", "not valid Python 3."),
        (b"nats = '\xff'\n", "cannot be decoded"),
    ],
)
def test_a_file_that_is_not_python_gets_one_line(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    done = fix(file.parent, "ping.py")
    assert done.returncode == 2
    assert error(done).startswith("naq-migrate: ping.py: ")
    assert message in error(done)


def test_a_missing_path_gets_one_line(tmp_path: Path) -> None:
    done = fix(tmp_path, "missing.py")
    assert done.returncode == 2
    assert error(done) == "naq-migrate: missing.py: no such file or directory"


def test_the_other_files_are_fixed_beside_a_broken_one(file: Path) -> None:
    (file.parent / "broken.py").write_text("import nats\nnats.connect(\n")
    assert fix(file.parent, ".").returncode == 2
    assert file.read_text() == NEW


def test_without_ast_grep_it_names_the_extra(file: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    code = (
        "import sysconfig, sys; sysconfig.get_path = lambda name: '/nowhere'\n"
        "from flake8_naq.cli import main; sys.exit(main(['fix', 'ping.py']))"
    )
    bare.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=file.parent,
        env={"PATH": str(bare)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert "install flake8-naq with its extra `migrate`" in error(done)


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    for name in ("one", "several"):
        (tmp_path / name).mkdir()
        for number in range(20):
            (tmp_path / name / f"m{number}.py").write_text(OLD if number % 2 else LEFT)
    one = fix(tmp_path / "one", "--jobs", "1", ".")
    several = fix(tmp_path / "several", "--jobs", "2", ".")
    assert several.stderr == one.stderr
    assert [path.read_text() for path in sorted((tmp_path / "several").iterdir())] == [
        path.read_text() for path in sorted((tmp_path / "one").iterdir())
    ]


@pytest.mark.parametrize(
    "nested",
    [
        "    if url:\n        pass\n"
        + "".join(f"    elif url == {n}:\n        pass\n" for n in range(450)),
        f"    url{'.a()' * 900}\n",
    ],
    ids=["elif", "chain"],
)
def test_what_nests_deeper_than_python_recurses_is_rewritten(tmp_path: Path, nested: str) -> None:
    body, _, end = OLD.partition("    await nc.flush()\n")
    (tmp_path / "deep.py").write_text(f"{body}{nested}{end}")
    done = fix(tmp_path, ".")
    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == ["1 place rewritten in 1 file"]


def test_what_is_nested_too_deeply_gets_one_line_and_the_others_go_on(tmp_path: Path) -> None:
    body, _, end = OLD.partition("    await nc.flush()\n")
    (tmp_path / "deep.py").write_text(f"{body}    url = {'-' * 200_000}1\n{end}")
    (tmp_path / "plain.py").write_text(OLD)
    done = fix(tmp_path, ".")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "naq-migrate: deep.py: nested too deeply",
        "1 place rewritten in 1 file",
    ]
    assert (tmp_path / "plain.py").read_text() == NEW


def test_hidden_and_odd_encodings_are_not_lost_between_ast_grep_and_python(tmp_path: Path) -> None:
    latin = tmp_path / "latin.py"
    latin.write_bytes(b"# -*- coding: latin-1 -*-\n# \xe9\n" + OLD.encode())
    fix(tmp_path, ".")
    assert latin.read_bytes().endswith(NEW.encode())


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run over 200 files in two processes, once it has written some."""
    for number in range(200):
        (tmp_path / f"m{number:03}.py").write_text(OLD)
    with subprocess.Popen(
        [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", "--jobs", "2", "."],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    ) as process:
        while process.poll() is None and (tmp_path / "m005.py").read_text() == OLD:
            time.sleep(0.001)
        yield process
        process.kill()


def processes_of(pid: int) -> list[int]:
    """The processes that a run has started for its files."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [int(child) for child, command in commands.items() if b"spawn_main" in command]


def test_an_interrupt_leaves_every_file_whole(
    tmp_path: Path, running: subprocess.Popen[bytes]
) -> None:
    running.send_signal(signal.SIGINT)
    _, message = running.communicate(timeout=60)
    assert running.returncode in (0, 130)
    assert b"Traceback" not in message
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"m{number:03}.py" for number in range(200)]
    assert {path.read_text() for path in tmp_path.iterdir()} <= {OLD, NEW}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the processes from /proc")
def test_an_interrupt_ends_a_run_whose_processes_do_not_answer(
    running: subprocess.Popen[bytes],
) -> None:
    stopped = processes_of(running.pid)
    assert len(stopped) == 2
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    running.send_signal(signal.SIGINT)
    _, message = running.communicate(timeout=30)
    assert (running.returncode, message) == (130, b"")
    assert not [pid for pid in stopped if Path(f"/proc/{pid}").exists()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the processes from /proc")
def test_a_killed_process_ends_the_run_with_one_line(running: subprocess.Popen[bytes]) -> None:
    for pid in processes_of(running.pid):
        os.kill(pid, signal.SIGKILL)
    _, message = running.communicate(timeout=30)
    assert running.returncode == 2
    assert message.decode().startswith("naq-migrate: a process of this run was killed")


@pytest.mark.parametrize(
    "importing",
    [
        "from pkg.ping import nats",
        "from .ping import (\n    nats,  # for those below\n)",
        "from ping import *",
        "def late():\n    from pkg.ping import nats as client",
    ],
)
def test_an_import_that_another_file_imports_from_there_stays(
    tmp_path: Path, importing: str
) -> None:
    (tmp_path / "pkg").mkdir()
    module = tmp_path / "pkg" / "ping.py"
    made = OLD.replace("nc = await nats.connect(url)", "nc = NATS()\n    await nc.connect(url)")
    old = "from nats.aio.client import Client as NATS\n" + made
    module.write_text(old)
    (tmp_path / "pkg" / "other.py").write_text(importing.replace("nats", "NATS") + "\n")
    fix(tmp_path, ".")
    assert module.read_text() == "from nats.aio.client import Client as NATS\n" + NEW


@pytest.mark.parametrize(
    "importing",
    ["", "from nats.ping import NATS", "from ..ping import NATS", "from ping import url"],
)
def test_an_import_that_nobody_uses_any_more_goes(tmp_path: Path, importing: str) -> None:
    (tmp_path / "pkg").mkdir()
    module = tmp_path / "pkg" / "ping.py"
    made = OLD.replace("nc = await nats.connect(url)", "nc = NATS()\n    await nc.connect(url)")
    module.write_text("from nats.aio.client import Client as NATS\n" + made)
    (tmp_path / "pkg" / "other.py").write_text(importing + "\n")
    fix(tmp_path, ".")
    assert module.read_text() == NEW
