"""``naq-migrate history`` on a real git history with everything that histories have."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

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
MANAGED = """\
import nats


async def publish(url):
    async with await nats.connect(url) as nc:
        await nc.publish("orders", b"1")
"""
OWNED = """\
import nats


async def connected(url):
    return await nats.connect(url)
"""
TWICE = BY_HAND + BY_HAND.replace("import nats", "").replace("publish(url)", "again(url)")


class Repository:
    """A git repository in a folder; each commit is an hour after the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hour = 0
        folder.mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        self._hour += 1
        time = f"{1_700_000_000 + 3600 * self._hour} +0000"
        identity = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "T"), ("EMAIL", "t@example.org"), ("DATE", time))
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=os.environ | identity,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout

    def commit(self, subject: str, **files: str | bytes | None) -> None:
        """Commit files by their names, with `__` for a slash; None deletes one."""
        for name, content in files.items():
            path = self.folder / (name.replace("__", "/") + ".py")
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path / "project")
    monkeypatch.chdir(made.folder)
    return made


def history(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["history", "--format", "json", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def counts(point: dict[str, Any]) -> dict[str, int]:
    """Totals over the tiers."""
    return {
        kind: sum(tier[kind] for tier in point["tiers"].values())
        for kind in ("by_hand", "owned", "managed", "silenced")
    }


def by_hand(document: dict[str, Any]) -> list[tuple[str, int]]:
    return [(point["subject"], counts(point)["by_hand"]) for point in document["points"]]


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a run that cannot go on."""
    capsys.readouterr()
    assert main(["history", "--format", "json", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    return line


def messy(repository: Repository) -> None:
    """A history with a merge, renames, an unparsable version, a link, silenced code, a deletion."""
    repository.commit("Nothing yet", readme="")
    repository.commit("Start", queue=BY_HAND, shop__status=TWICE, bus=OWNED)
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit("Fix one", queue=MANAGED)
    repository.commit("Fix the other", shop__status=MANAGED)
    repository.git("checkout", "-q", "main")
    repository.commit("Meanwhile", shop__cli=BY_HAND)
    repository.git("merge", "-q", "--no-ff", "-m", "Merge the topic", "topic")
    repository.git("mv", "shop/cli.py", "shop/results.py")
    repository.commit("Rename, and so change the tier")
    repository.commit("Break it", shop__results="<<<<<<< ours\nimport nats\n")
    repository.commit("Mend it", shop__results=BY_HAND)
    (repository.folder / "link.py").symlink_to("bus.py")
    repository.commit("Link")
    noqa = BY_HAND.replace("connect(url)", "connect(url)  # noqa: NAQ101")
    repository.commit("Silence", queue=noqa, worker="# flake8: noqa\n" + BY_HAND)
    repository.commit("Delete", bus=None, link=None)
    repository.git("commit", "-q", "--allow-empty", "-m", "Nothing changes")


def test_every_commit_counts_as_inventory_counts_its_checkout(
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    messy(repository)
    document = history(capsys)
    points = {point["commit"]: point for point in document["points"]}
    repository.git("worktree", "add", "-q", "--detach", str(tmp_path / "checkout"))
    monkeypatch.chdir(tmp_path / "checkout")
    line = repository.git("rev-list", "--first-parent", "--reverse", "HEAD").split()
    assert document["commits"] == len(line)
    expected = {}
    seen = 0
    for commit in line:
        repository.git("-C", str(tmp_path / "checkout"), "checkout", "-q", commit)
        # A broken file counts as its version before, and a link is no file: both by design.
        if repository.git("log", "-1", "--format=%s", commit).strip() in ("Break it", "Link"):
            continue
        main(["inventory", "--format", "json", "--extend-exclude", "link.py"])
        made = json.loads(capsys.readouterr().out)
        connections = sum(tier["connections"] for tier in made["tiers"].values())
        hand = {name: tier["by_hand"] for name, tier in made["tiers"].items() if tier["by_hand"]}
        expected = {
            "owned": connections - sum(hand.values()),
            "managed": made["managed"],
            "silenced": made["silenced"],
        }
        if commit in points:
            latest = points[commit]
            seen += 1
        found = counts(latest)
        tiers = {name: tier["by_hand"] for name, tier in latest["tiers"].items() if tier["by_hand"]}
        assert tiers == hand
        assert {kind: found[kind] for kind in expected} == expected
    assert seen >= 5
    assert expected == {"owned": 0, "managed": 1, "silenced": 2}


def test_a_merge_counts_once_with_its_first_parent(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    messy(repository)
    subjects = [point["subject"] for point in history(capsys)["points"]]
    assert "Merge the topic" in subjects
    assert "Fix one" not in subjects


def test_a_renamed_file_is_counted_in_its_new_tier(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit("Start", cli=BY_HAND)
    repository.git("mv", "cli.py", "queue.py")
    repository.commit("Rename")
    first, last = history(capsys)["points"]
    assert (first["tiers"]["low"]["by_hand"], first["tiers"]["high"]["by_hand"]) == (1, 0)
    assert (last["tiers"]["low"]["by_hand"], last["tiers"]["high"]["by_hand"]) == (0, 1)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("import nats\nx = (\n", "not valid Python 3."),
        (b"import nats\0\n", "source code string cannot contain null bytes"),
        (b"\x89PNG\r\n\xff\xfe", "not UTF-8"),
    ],
    ids=["unparsable", "null byte", "binary"],
)
def test_a_version_that_cannot_be_read_has_one_line_and_the_one_before_counts(
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
    broken: str | bytes,
    reason: str,
) -> None:
    repository.commit("Start", app=BY_HAND)
    repository.commit("Break it", app=broken)
    repository.commit("Still broken", app=(broken * 2))
    repository.commit("Double it", app=TWICE)
    capsys.readouterr()
    assert main(["history", "--format", "json"]) == 0
    output = capsys.readouterr()
    assert by_hand(json.loads(output.out)) == [("Start", 1), ("Double it", 2)]
    (line,) = output.err.splitlines()
    assert line.startswith("naq-migrate: app.py at ")
    assert reason in line
    assert line.endswith("(and 1 later version): " + line.partition("): ")[2])
    (unreadable,) = json.loads(output.out)["unreadable"]
    assert (unreadable["path"], unreadable["versions"]) == ("app.py", 2)


def test_a_file_that_was_never_readable_counts_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit("Start", old="import nats\nprint 'Python 2'\n", app=BY_HAND)
    assert by_hand(history(capsys)) == [("Start", 1)]
    repository.commit("Gone", old=None)
    assert by_hand(history(capsys)) == [("Start", 1), ("Gone", 1)]


class TestWhere:
    def test_outside_of_a_repository(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        assert failure(capsys) == f"naq-migrate: {tmp_path}: not in a git repository"

    def test_without_git(
        self,
        repository: Repository,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("PATH", "")
        assert failure(capsys) == "naq-migrate: history needs git, which is not installed"

    def test_without_a_commit(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert failure(capsys).endswith(": the repository has no commits yet")

    def test_in_a_shallow_clone_with_one_line(
        self,
        repository: Repository,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        repository.commit("Start", app=BY_HAND)
        repository.commit("More", app=TWICE)
        repository.commit("Less", app=MANAGED)
        clone = str(tmp_path / "clone")
        repository.git("clone", "-q", "--depth", "2", repository.folder.as_uri(), clone)
        monkeypatch.chdir(clone)
        capsys.readouterr()
        assert main(["history", "--format", "json"]) == 0
        output = capsys.readouterr()
        made = json.loads(output.out)
        assert by_hand(made) == [("More", 2), ("Less", 0)]
        assert made["shallow"]
        (line,) = output.err.splitlines()
        start = made["points"][0]["commit"][:7]
        assert line.startswith(f"naq-migrate: shallow clone: the history starts at {start} ")
        assert "`git fetch --unshallow`" in line
        assert not history(capsys, "--since", "HEAD")["shallow"], "nothing asked for is missing"

    def test_in_a_bare_repository(
        self,
        repository: Repository,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        repository.commit("Start", shop__app=BY_HAND, other=BY_HAND)
        bare = str(tmp_path / "bare.git")
        repository.git("clone", "-q", "--bare", repository.folder.as_uri(), bare)
        monkeypatch.chdir(bare)
        assert by_hand(history(capsys)) == [("Start", 2)]
        assert by_hand(history(capsys, "shop")) == [("Start", 1)]

    def test_in_a_subfolder_it_reads_that_folder(
        self,
        repository: Repository,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        repository.commit("Start", shop__queue=BY_HAND, shop2__queue=TWICE, queue=TWICE)
        monkeypatch.chdir(repository.folder / "shop")
        assert by_hand(history(capsys)) == [("Start", 1)]
        assert by_hand(history(capsys, "..")) == [("Start", 5)]
        assert by_hand(history(capsys, "../shop2", "queue.py")) == [("Start", 3)]

    def test_not_outside_of_the_repository(
        self, repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.commit("Start", app=BY_HAND)
        assert failure(capsys, str(tmp_path)).endswith(": outside of the git repository")
        assert "cannot take standard input" in failure(capsys, "-")
        assert failure(capsys, "shpo") == (
            "naq-migrate: shpo: no Python file of this history lies there"
        )

    def test_without_touching_the_work_tree_or_the_index(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.commit("Start", app=BY_HAND)
        (repository.folder / "app.py").write_text(TWICE, "utf-8")
        index = (repository.folder / ".git" / "index").read_bytes()
        assert by_hand(history(capsys)) == [("Start", 1)]
        assert (repository.folder / ".git" / "index").read_bytes() == index


class TestSince:
    def test_the_state_at_the_revision_comes_first(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.commit("Start", app=BY_HAND)
        repository.commit("More", app=TWICE)
        repository.git("tag", "v1")
        repository.commit("Managed", app=MANAGED)
        assert by_hand(history(capsys, "--since", "v1")) == [("More", 2), ("Managed", 0)]
        assert by_hand(history(capsys, "--since", "HEAD")) == [("Managed", 0)]

    def test_a_revision_of_a_merged_branch_starts_before_the_merge(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        messy(repository)
        assert by_hand(history(capsys, "--since", "topic"))[:2] == [
            ("Start", 3),
            ("Meanwhile", 4),
        ]

    @pytest.mark.parametrize("revision", ["nowhere", "--all", "", "HEAD:app.py"])
    def test_an_unknown_revision_is_an_error(
        self, repository: Repository, capsys: pytest.CaptureFixture[str], revision: str
    ) -> None:
        repository.commit("Start", app=BY_HAND)
        line = failure(capsys, f"--since={revision}")
        assert line == (
            f"naq-migrate: --since {revision}: no such revision: give a commit, tag or branch"
        )


class TestWhatGitCanDo:
    def test_users_settings_of_git_change_nothing(
        self,
        repository: Repository,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        messy(repository)
        before = history(capsys)
        settings = tmp_path / "gitconfig"
        settings.write_text(
            "[diff]\n renames=copies\n noprefix=true\n external=false\n relative=true\n"
            "[log]\n showRoot=false\n showSignature=true\n decorate=full\n date=relative\n"
            "[core]\n quotePath=true\n pager=false\n[format]\n pretty=oneline\n[color]\n ui=always\n",
            "utf-8",
        )
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        assert history(capsys) == before

    def test_paths_with_blanks_quotes_and_newlines(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a b", 'q"', "ö", "new\nline", "-x"):
            (repository.folder / f"{name}.py").write_text(BY_HAND, "utf-8")
        repository.commit("Start")
        assert by_hand(history(capsys)) == [("Start", 5)]

    def test_a_subject_of_another_encoding_and_a_clock_that_ran_backwards(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.commit("Start", app=BY_HAND)
        repository._hour -= 1000
        repository.git("config", "i18n.commitEncoding", "latin-1")
        (repository.folder / "app.py").write_text(TWICE, "utf-8")
        repository.git("commit", "-qam", "Aufr\u00e4umen")
        assert by_hand(history(capsys))[0] == ("Start", 1)
        assert main(["history", "--format", "svg"]) == 0
        ElementTree.fromstring(capsys.readouterr().out.encode())

    def test_a_partial_clone_fetches_nothing_and_is_an_error(
        self,
        repository: Repository,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        repository.commit("Start", app=BY_HAND)
        repository.commit("More", app=TWICE)
        repository.git("config", "uploadpack.allowFilter", "true")
        clone = str(tmp_path / "clone")
        uri = repository.folder.as_uri()
        repository.git("clone", "-q", "--filter=blob:none", "--no-checkout", uri, clone)
        monkeypatch.chdir(clone)
        assert failure(capsys) == (
            f"naq-migrate: {clone}: a partial clone, without the content of old versions: "
            "clone again without --filter"
        )

    def test_a_damaged_repository_has_a_line_for_what_is_missing(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.commit("Start", app=BY_HAND, other=TWICE)
        blob = repository.git("rev-parse", "HEAD:app.py").strip()
        (repository.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        capsys.readouterr()
        assert main(["history", "--format", "json"]) == 0
        output = capsys.readouterr()
        assert by_hand(json.loads(output.out)) == [("Start", 2)]
        (line,) = output.err.splitlines()
        assert line.startswith("naq-migrate: app.py at ")
        assert "missing from this repository" in line


def test_one_content_is_analysed_once(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flake8_naq.report.history import versions

    repository.commit("Start", a=BY_HAND, b=BY_HAND, c=TWICE)
    repository.commit("Other", a=MANAGED)
    repository.commit("Back", a=BY_HAND)
    repository.git("mv", "c.py", "d.py")
    repository.commit("Rename")
    analysed = []
    real = versions.analyse

    def counting(tree: Any, *arguments: Any, **options: Any) -> Any:
        analysed.append(tree)
        return real(tree, *arguments, **options)

    monkeypatch.setattr(versions, "analyse", counting)
    history(capsys)
    assert len(analysed) == 3


def test_several_processes_count_as_one(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(170):
        (repository.folder / f"m{number}.py").write_text(BY_HAND + f"# {number}\n", "utf-8")
    repository.commit("Start")
    one = history(capsys, "--jobs", "1")
    assert by_hand(one) == [("Start", 170)]
    assert history(capsys, "--jobs", "2") == one


class TestFormats:
    def test_the_table_has_a_row_for_each_period_and_a_headline(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        messy(repository)
        capsys.readouterr()
        assert main(["history"]) == 0
        output = capsys.readouterr().out
        assert "NATS connections by hand: 0 → 1 (11 commits, 2023-11-15 to 2023-11-16)." in output
        assert "2 silenced by noqa or configuration." in output

    def test_the_chart_is_one_file_that_asks_no_other_host_for_anything(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        messy(repository)
        capsys.readouterr()
        assert main(["history", "--format", "svg"]) == 0
        text = capsys.readouterr().out
        root = ElementTree.fromstring(text.encode())
        words = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "NATS connections by hand: 0 → 1" in words
        assert [word for word in words if "priority" in word] == [
            "High priority",
            "Medium priority",
            "Low priority",
        ]
        assert "prefers-color-scheme: dark" in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "<script" not in text

    def test_the_page_escapes_the_text_of_a_commit(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.commit("<script>alert(1)</script> & $x", app=BY_HAND)
        capsys.readouterr()
        assert main(["history", "--format", "html"]) == 0
        text = capsys.readouterr().out
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $x" in text
        assert "<svg" in text

    def test_a_history_without_a_connection_is_a_chart_too(
        self, repository: Repository, capsys: pytest.CaptureFixture[str]
    ) -> None:
        repository.commit("Start", app="x = 1\n")
        for form in ("text", "svg", "html", "json"):
            assert main(["history", "--format", form]) == 0
        assert "NATS connections by hand: 0" in capsys.readouterr().out
