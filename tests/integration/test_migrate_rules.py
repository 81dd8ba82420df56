"""``naq-migrate fix`` with a project's own rules: its helpers are migrated as naq's are."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

RULES = """\
id: open-bus
language: python
severity: hint
message: "`open_bus` opens a connection by hand: use `async with bus_session(...)`."
rule: {kind: identifier, regex: ^open_bus$}
metadata:
  origin: company.bus.open_bus
  opens: open_bus(url, timeout=5)
  becomes: bus_session(url, connect_timeout=timeout)
  closed-by: company.bus.close_bus
---
id: close-bus
language: python
severity: hint
message: "`close_bus` closes a connection by hand."
rule: {kind: identifier, regex: ^close_bus$}
metadata:
  origin: company.bus.close_bus
  closes: close_bus(connection)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "bus.yml").write_text(RULES)
    (tmp_path / ".flake8").write_text("[flake8]\nnaq-rules = migrations\n")
    return tmp_path


def fix(project: Path, code: str, *arguments: str) -> tuple[str, str]:
    """The code after the fix, and what was printed."""
    file = project / "orders.py"
    file.write_text(code)
    done = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", *arguments, "."],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return file.read_text(), done.stderr


def confirm(
    opening: str = "open_bus(url, timeout=5)",
    closing: str = "close_bus(nc)",
    imports: str = "from company.bus import close_bus, open_bus",
) -> str:
    return (
        f"{imports}\n\n\n"
        "async def confirm(url, order):\n"
        f"    nc = await {opening}\n"
        "    try:\n"
        '        await nc.publish("orders.confirmed", order)\n'
        "    finally:\n"
        f"        await {closing}\n"
    )


def confirmed(manager: str, imports: str = "from company.bus import bus_session") -> str:
    return (
        f"{imports}\n\n\n"
        "async def confirm(url, order):\n"
        f"    async with {manager} as nc:\n"
        '        await nc.publish("orders.confirmed", order)\n'
    )


def test_an_opener_becomes_its_own_context_manager_with_its_import(project: Path) -> None:
    assert fix(project, confirm())[0] == confirmed("bus_session(url, connect_timeout=5)")


def test_an_argument_that_the_caller_leaves_out_gets_the_rule_s_default(project: Path) -> None:
    code = confirm("open_bus(url)")
    assert fix(project, code)[0] == confirmed("bus_session(url, connect_timeout=5)")


def test_a_parameter_with_an_ellipsis_is_left_out_with_the_argument(project: Path) -> None:
    rules = project / "migrations" / "bus.yml"
    rules.write_text(RULES.replace("timeout=5", "timeout=..."))
    assert fix(project, confirm("open_bus(url)"))[0] == confirmed("bus_session(url)")


def test_arguments_are_bound_by_name(project: Path) -> None:
    code = confirm("open_bus(timeout=wait(), url=url)")
    assert "would be evaluated in another order" in fix(project, code)[1]
    code = confirm("open_bus(timeout=2.5, url=url)")
    assert fix(project, code)[0] == confirmed("bus_session(url, connect_timeout=2.5)")


def test_an_alias_is_followed(project: Path) -> None:
    code = confirm("dial(url)", imports="from company.bus import close_bus, open_bus as dial")
    assert fix(project, code)[0] == confirmed("bus_session(url, connect_timeout=5)")


def test_a_module_gives_its_own_manager(project: Path) -> None:
    code = confirm("bus.open_bus(url)", "bus.close_bus(nc)", "from company import bus")
    assert fix(project, code)[0] == confirmed(
        "bus.bus_session(url, connect_timeout=5)", "from company import bus"
    )


def test_a_manager_of_another_module_is_imported_from_there(project: Path) -> None:
    rules = project / "migrations" / "bus.yml"
    rules.write_text(RULES.replace("  closed-by", "  import: company.sessions\n  closed-by"))
    assert fix(project, confirm())[0] == confirmed(
        "bus_session(url, connect_timeout=5)", "from company.sessions import bus_session"
    )


@pytest.mark.parametrize(
    ("opening", "reason"),
    [
        ("open_bus(url, name='a')", "the rule `open-bus` has no parameter for"),
        ("open_bus(*args)", "does not list its arguments one by one"),
        ("open_bus(url, **options)", "the rule `open-bus` has no parameter for"),
        ("open_bus()", "does not fit the rule `open-bus`: missing a required argument: 'url'"),
        ("open_bus(url, 5, 6)", "does not fit the rule `open-bus`: too many positional arguments"),
    ],
)
def test_a_call_that_cannot_be_bound_is_refused(project: Path, opening: str, reason: str) -> None:
    code = confirm(opening)
    after, message = fix(project, code, "--unsafe-fixes")
    assert after == code
    assert reason in message


def test_an_argument_without_a_place_is_refused(project: Path) -> None:
    rules = project / "migrations" / "bus.yml"
    rules.write_text(RULES.replace(", connect_timeout=timeout", ""))
    code = confirm()
    after, message = fix(project, code, "--unsafe-fixes")
    assert after == code
    assert "`timeout` has no place in the context manager of the rule `open-bus`" in message
    assert fix(project, confirm("open_bus(url)"))[0] == confirmed("bus_session(url)")


@pytest.mark.parametrize("closing", ["nc.close()", "nc.drain()"])
def test_a_close_that_the_rule_does_not_list_is_kept(project: Path, closing: str) -> None:
    code = confirm(closing=closing)
    after, message = fix(project, code, "--unsafe-fixes")
    assert after == code
    assert "which the rule `open-bus` does not list in `closed-by`" in message


def test_a_configured_closer_without_a_rule_is_never_dropped(tmp_path: Path) -> None:
    (tmp_path / ".flake8").write_text(
        "[flake8]\nnaq-connect-functions = company.bus.open_bus\n"
        "naq-close-functions = company.bus.close_bus\n"
    )
    code = confirm()
    after, message = fix(tmp_path, code, "--unsafe-fixes")
    assert after == code
    assert "no rule names a context manager that replaces `company.bus.close_bus`" in message


def test_an_opener_that_gives_nats_py_s_client_keeps_its_name(project: Path) -> None:
    (project / "migrations" / "bus.yml").write_text(
        "id: open-bus\nlanguage: python\nrule: {kind: identifier, regex: ^open_bus$}\n"
        "metadata: {origin: company.bus.open_bus, opens: open_bus(url), gives: client}\n"
    )
    code = confirm("open_bus(url)", "nc.close()")
    assert fix(project, code)[0] == confirmed(
        "await open_bus(url)", "from company.bus import close_bus, open_bus"
    )


def test_a_configured_opener_without_a_rule_is_no_safe_fix(tmp_path: Path) -> None:
    (tmp_path / ".flake8").write_text("[flake8]\nnaq-connect-functions = company.bus.open_bus\n")
    code = confirm("open_bus(url)", "nc.close()")
    after, message = fix(tmp_path, code)
    assert after == code
    assert "no rule declares that `open_bus` gives a client of nats-py" in message


def test_another_function_of_the_same_name_is_left_alone(project: Path) -> None:
    code = confirm(imports="from other.bus import close_bus, open_bus")
    assert fix(project, code, "--unsafe-fixes")[0] == code


def test_a_folder_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", "--naq-rules", "no", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"naq-migrate: --naq-rules: {tmp_path / 'no'}: no such folder\n"
