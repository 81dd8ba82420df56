"""The rule files: a plain ast-grep project whose metadata say what helpers become."""

import shutil
import subprocess
from pathlib import Path

import pytest

from flake8_naq.errors import CommandError
from flake8_naq.migrate.match.ast_grep import executable
from flake8_naq.migrate.match.declared_helpers import DeclaredHelpers
from flake8_naq.migrate.match.rule_files import BUILT_IN, built_in, helpers_of, read_rules
from flake8_naq.names import vocabulary
from recorder.phases import Phase, all_phases

PHASES = all_phases()
CONFIG = str(BUILT_IN / "sgconfig.yml")


def ast_grep(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [executable(), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def helpers() -> DeclaredHelpers:
    return helpers_of(built_in())


def test_ast_grep_s_own_tests_of_the_rules_pass() -> None:
    done = ast_grep("test", "-c", CONFIG, "--skip-snapshot-tests", cwd=BUILT_IN)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_tests() -> None:
    tested = (BUILT_IN / "tests" / "helpers-test.yml").read_text(encoding="utf-8")
    for file in (BUILT_IN / "helpers").glob("*.yml"):
        assert f"id: {file.stem}\n" in tested


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_a_scan_without_python_finds_the_helpers_of_a_phase(phase: Phase) -> None:
    done = ast_grep("scan", "-c", CONFIG, str(phase.before), cwd=BUILT_IN)
    assert done.returncode == 0, done.stderr
    assert "naq-opens" in done.stdout


def test_a_scan_that_updates_all_changes_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "before"
    shutil.copytree(PHASES[0].before, copy)
    texts = {path: path.read_bytes() for path in copy.rglob("*.py")}
    ast_grep("scan", "-c", CONFIG, "--update-all", str(copy), cwd=tmp_path)
    assert {path: path.read_bytes() for path in copy.rglob("*.py")} == texts


def last_names(helpers: DeclaredHelpers, role: str) -> set[str]:
    return {
        origin.rpartition(".")[2]
        for helper in helpers
        if helper.role == role
        for origin in helper.origins
    }


def test_the_rules_open_what_the_linter_reports(helpers: DeclaredHelpers) -> None:
    origins = {origin for h in helpers if h.role == "opens" for origin in h.origins}
    assert {origin for origin in origins if origin.startswith("nats.")} == vocabulary.CONNECT
    assert {o.rpartition(".")[2] for o in origins - vocabulary.CONNECT} == vocabulary.NAQ_CONNECT


def test_the_rules_derive_and_close_what_the_linter_knows(helpers: DeclaredHelpers) -> None:
    assert last_names(helpers, "derives") == vocabulary.NAQ_JETSTREAM
    assert last_names(helpers, "closes") == vocabulary.NAQ_CLOSE


def test_the_rules_name_the_managers_that_the_linter_knows(helpers: DeclaredHelpers) -> None:
    managers = {helper.manager(gives) for helper in helpers for gives in helper.becomes}
    assert managers == vocabulary.NAQ_MANAGERS


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("naq.connection.get_nats_connection", True),
        ("naq.get_nats_connection", True),
        ("..connection.get_nats_connection", True),
        ("get_nats_connection", True),
        ("shop.bus.get_nats_connection", False),
        (".bus.get_nats_connection", False),
        ("naq.connection.nats_connection", False),
        ("nats.client.connect", True),
        ("sqlite3.connect", False),
        ("", False),
    ],
)
def test_the_origin_decides_which_helper_a_name_is(
    helpers: DeclaredHelpers, name: str, known: bool
) -> None:
    assert (helpers.find(name) is not None) is known


RULE = """\
id: open-bus
language: python
rule: {kind: identifier, regex: ^open_bus$}
metadata:
  origin: bus.open_bus
  opens: open_bus(url, timeout=5)
  becomes: bus_session(url, timeout=timeout)
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  origin: bus.open_bus\n", "", "`origin` is missing: the function's dotted name"),
        ("bus.open_bus", "bus.dial", "`opens` and `origin` name two functions"),
        ("opens: open_bus", "opened: open_bus", ""),
        ("timeout=timeout", "timeout=timeot", "`timeot`, which is no parameter of `opens`"),
        ("timeout=timeout", "timeout=2 * timeout", "constants, not `2 * timeout`"),
        ("bus_session(url", "bus.session(url", "`becomes` is a call such as `session(url)`"),
        ("(url, timeout=5)", "(*urls)", "lists its parameters one by one"),
        ("(url, timeout=5)", "", "is not a signature such as"),
        ("becomes: bus", "turns-into: bus", "`metadata` has no key `turns-into`"),
        ("  origin", "  closes: open_bus(nc)\n  origin", "go into a rule each"),
        ("  origin", "  closed-by: shut\n  origin", "dotted names, not `shut`"),
        ("  origin", "  gives: wrapper\n  origin", "`gives` can only be `client`"),
        ("  origin", "  import: [a]\n  origin", "`import` is not a text"),
        ("id: open-bus", "id: [", "while parsing"),
    ],
)
def test_a_rule_that_cannot_be_used_is_one_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    (tmp_path / "bus.yml").write_text(RULE.replace(old, new, 1))
    if not problem:  # without a role the metadata are for others
        (file,) = read_rules(tmp_path)
        assert file.helpers == ()
        return
    with pytest.raises(CommandError) as caught:
        list(read_rules(tmp_path))
    assert problem in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'bus.yml'}: ")
    assert "\n" not in str(caught.value)


def test_a_folder_without_rules_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sgconfig.yml").write_text("ruleDirs: [.]\n")
    with pytest.raises(CommandError, match="no ast-grep rule in it"):
        list(read_rules(tmp_path))
