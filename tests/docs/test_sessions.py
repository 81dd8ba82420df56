"""The console blocks of the site show the commands' current output."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder import sessions
from recorder.phases import ROOT


@pytest.mark.parametrize("page", sessions.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_session_prints_what_its_page_shows(page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    assert sessions.play(page).splitlines() == written.splitlines(), "python -m recorder sessions"


def page_with(tmp_path: Path, block: str) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "greeting.txt").write_text("hello\n")
    page = tmp_path / "page.md"
    page.write_text(f"<!-- session: project -->\n\n{block}\nThe end.\n")
    return page


def test_output_that_is_stale_is_replaced(tmp_path: Path) -> None:
    page = page_with(tmp_path, "```console\n$ cat greeting.txt\ngoodbye\n```\n")
    assert "$ cat greeting.txt\nhello\n```" in sessions.play(page)


def test_later_blocks_see_what_earlier_ones_did(tmp_path: Path) -> None:
    first = "```console\n$ echo more >> greeting.txt\n```\n"
    page = page_with(tmp_path, first + "\n```console\n$ cat greeting.txt\n```\n")
    assert "$ cat greeting.txt\nhello\nmore\n```" in sessions.play(page)


def test_three_dots_stand_for_what_differs_from_run_to_run(tmp_path: Path) -> None:
    page = page_with(tmp_path, "```console\n$ echo took $RANDOM seconds\ntook ... seconds\n```\n")
    assert sessions.play(page) == page.read_text()


def test_a_block_whose_title_is_a_command_holds_its_output(tmp_path: Path) -> None:
    page = page_with(tmp_path, '``` {.text title="$ cat greeting.txt"}\nstale\n```\n')
    assert '``` {.text title="$ cat greeting.txt"}\nhello\n```' in sessions.play(page)


def test_other_blocks_are_left_alone(tmp_path: Path) -> None:
    page = page_with(tmp_path, "```sh\nrm greeting.txt\n```\n")
    assert sessions.play(page) == page.read_text()


def test_an_indented_block_keeps_its_indentation(tmp_path: Path) -> None:
    page = page_with(tmp_path, "    ```console\n    $ cat greeting.txt\n    ```\n")
    assert "    $ cat greeting.txt\n    hello\n    ```" in sessions.play(page)


def test_a_session_with_a_server_has_it_configured(tmp_path: Path) -> None:
    page = page_with(tmp_path, "```console\n$ echo $NAQ_SERVERS\n```\n")
    page.write_text(page.read_text().replace("project -->", "project with a server -->"))
    assert "\nnats://127.0.0.1:" in sessions.play(page)


def test_the_sample_project_itself_stays_as_it_was(tmp_path: Path) -> None:
    page = page_with(tmp_path, "```console\n$ rm greeting.txt\n```\n")
    sessions.play(page)
    assert (tmp_path / "project" / "greeting.txt").exists()


def test_a_page_whose_folder_is_missing_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- session: nowhere -->\n")
    with pytest.raises(sessions.SessionError, match="nowhere"):
        sessions.play(page)
