"""The field report: a survey of a sample clone, and the page that the kept report makes."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from recorder.field import labels, page, report, survey
from recorder.field.projects import Project, load

SAMPLE = """
    import nats


    async def safe(url):
        nc = await nats.connect(url)
        try:
            await nc.publish("secret_subject", b"")
        finally:
            await nc.close()


    async def unsafe(url):
        nc = await nats.connect(url)
        await nc.publish("secret_subject", b"")


    async def refused(url):
        clients = []
        for _ in range(3):
            clients.append(await nats.connect(url))
        for nc in clients:
            await nc.close()


    async def managed(url):
        async with await nats.connect(url) as nc:
            await nc.publish("secret_subject", b"")


    def opened(url):
        return nats.connect(url)
    """


REPORT = """\
from orders import opened


async def report(url):
    nc = await opened(url)
    await nc.publish("report", b"")
"""


def git(folder: Path, *arguments: str) -> str:
    named = ("-c", "user.name=reader", "-c", "user.email=reader@example.invalid")
    done = subprocess.run(
        ["git", *named, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one clone, whose newest commit is empty of connections."""
    clone = tmp_path_factory.mktemp("clones") / "someone" / "orders"
    (clone / "venv").mkdir(parents=True)
    git(clone, "init", "-q")
    (clone / "orders.py").write_text(textwrap.dedent(SAMPLE))
    (clone / "shop").mkdir()
    (clone / "shop" / "report.py").write_text(REPORT)
    (clone / "venv" / "others.py").write_text(textwrap.dedent(SAMPLE))
    (clone / "old.py").write_text("import nats\nnc = await nats.connect()\nprint 'Python 2'\n")
    (clone / "setup.cfg").write_text("[flake8]\nexclude = orders.py\n")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "First")
    (clone / "orders.py").unlink()
    git(clone, "commit", "-qam", "Second")
    return clone.parents[1]


@pytest.fixture(scope="module")
def project(clones: Path) -> Project:
    commit = git(clones / "someone" / "orders", "rev-parse", "HEAD~")
    return Project("someone/orders", commit, "", "MIT", "https://example.invalid/someone/orders")


@pytest.fixture(scope="module")
def surveyed(project: Project, clones: Path) -> dict:
    return survey.survey(project, survey.clone_of(project, [clones]))


def test_the_pinned_commit_is_surveyed_without_its_configuration(surveyed: dict) -> None:
    assert {site["path"] for site in surveyed["sites"]} == {"orders.py", "shop/report.py"}


def test_each_site_has_its_outcome(surveyed: dict) -> None:
    sites = [site for site in surveyed["sites"] if site["path"] == "orders.py"]
    outcomes = {site["line"]: site["outcome"] for site in sites}
    assert outcomes == {6: "safe", 14: "unsafe", 21: "refused"}


def test_a_site_has_its_rule_its_closing_habit_and_its_leak(surveyed: dict) -> None:
    first, second, *_ = surveyed["sites"]
    assert (first["rule"], first["closing"], first["leak"]) == ("01", "finally", False)
    assert (second["rule"], second["closing"], second["leak"]) == ("01", "never", True)


def test_a_reason_quotes_no_code(surveyed: dict) -> None:
    why = [reason for site in surveyed["sites"] for reason in site["why"]]
    assert why
    assert not any("`" in reason or re.search(r"\d", reason) for reason in why)


def test_the_report_holds_no_code(surveyed: dict) -> None:
    assert "secret_subject" not in str(surveyed)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("`nc` was closed before `nc2`", "… was closed before …"),
        (
            "adds a close on line 27, where `nc` stayed open",
            "adds a close on line N, where … stayed open",
        ),
        ("`bus[` is not closed", "… is not closed"),
        ("an open quote: `await secret(", "an open quote: "),
    ],
)
def test_code_and_numbers_are_taken_out_of_a_reason(message: str, kept: str) -> None:
    assert survey.without_code(message) == kept


def test_connections_in_a_manager_and_of_a_caller_are_counted(surveyed: dict) -> None:
    assert surveyed["managed"] == 1
    assert surveyed["elsewhere"] == 1


def test_a_file_that_connects_and_does_not_parse_is_counted(surveyed: dict) -> None:
    assert surveyed["unreadable"] == 1


def test_a_missing_clone_is_named(project: Project, tmp_path: Path) -> None:
    with pytest.raises(survey.CloneError, match="someone/orders: no clone in"):
        survey.clone_of(project, [tmp_path])


def test_a_missing_commit_is_named(clones: Path) -> None:
    lost = Project("someone/orders", "0" * 40, "", "MIT", "")
    with pytest.raises(survey.CloneError, match="someone/orders"):
        survey.survey(lost, clones / "someone" / "orders")


def test_a_report_keeps_the_figures_of_projects_that_were_not_surveyed_again(
    project: Project, surveyed: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FIELD", tmp_path / "field.json")
    other = Project("someone/else", "1" * 40, "", "MIT", "")
    report.write([project], {project: surveyed}, [])
    report.write(
        [other, project], {other: {**surveyed, "name": other.name, "commit": other.commit}}, []
    )
    assert [one["name"] for one in report.read()["projects"]] == ["someone/else", "someone/orders"]


def test_the_kept_report_has_every_listed_project() -> None:
    assert len(page.surveys()) == len(load())
    assert len({project.name for project in load()}) >= 40
    assert {"legout/naq", "nats-io/nats.py"} <= {project.name for project in load()}


def test_a_site_that_no_report_names_is_a_refusal() -> None:
    connection = {
        "path": "a.py",
        "line": 1,
        "shape": {"rule": "01"},
        "closing": "never",
        "findings": [],
    }
    (site,) = survey.sites([connection], [])
    assert (site["outcome"], site["why"]) == ("refused", ["no report names this line"])


def test_a_helper_in_another_file_is_followed(surveyed: dict) -> None:
    assert ("shop/report.py", 5) in {(site["path"], site["line"]) for site in surveyed["sites"]}


def test_the_outcomes_add_up_to_the_connections() -> None:
    glance = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page.glance()))
    outcomes = [int(glance[name]) for name in page.OUTCOMES.values()]
    assert sum(outcomes) == int(glance["connections by hand"])


def test_each_project_has_its_commit_and_its_licence_on_the_page() -> None:
    shown = page.projects()
    for project in load():
        assert f"[`{project.commit[:7]}`]({project.url}/tree/{project.commit})" in shown
        assert project.licence


def test_a_branch_of_a_project_is_not_counted_again() -> None:
    names = [project.name for project, _ in page.counted()]
    assert len(names) == len(set(names))


def test_a_connection_that_was_read_and_not_found_is_listed() -> None:
    shown = page.recall()
    label = next(label for label in labels.load() if f"{label.path}:{label.line}" in shown)
    assert label
    total = re.search(r"\*\*all\*\*.*?\*\*(\d+)\*\*.*?\*\*(\d+)\*\*.*?\*\*(\d+)\*\*", shown)
    assert total
    read, found, missed = map(int, total.groups())
    assert read == found + missed
