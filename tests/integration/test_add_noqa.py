"""``naq-migrate add-noqa``: after it the real flake8 is silent, and the code is the same."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from flake8_naq.cli import main

HEAD = "import nats\n\n\nasync def publish(url):\n"
TAIL = "    await nc.publish('orders', b'1')\n    await nc.close()\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flake8(*arguments: str) -> list[str]:
    """Place and code of what the real flake8 reports."""
    command = [sys.executable, "-m", "flake8", "--select=NAQ", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.stderr == ""
    return [" ".join(line.split(" ")[:2]) for line in done.stdout.splitlines()]


def module(opening: str) -> str:
    return HEAD + opening + TAIL


OPENINGS = {
    "plain": (
        "    nc = await nats.connect(url)\n",
        "    nc = await nats.connect(url)  # noqa: NAQ301, NAQ311\n",
    ),
    "tabs and blanks at the end": (
        "    nc = await\tnats.connect(url) \t \n",
        "    nc = await\tnats.connect(url)  # noqa: NAQ301, NAQ311\n",
    ),
    "another comment": (
        "    nc = await nats.connect(url)  # type: ignore[misc]\n",
        "    nc = await nats.connect(url)  # type: ignore[misc]  # noqa: NAQ301, NAQ311\n",
    ),
    "a noqa of another code": (
        "    nc = await nats.connect(url)  # noqa: E501\n",
        "    nc = await nats.connect(url)  # noqa: E501, NAQ301, NAQ311\n",
    ),
    "a noqa with codes and a reason": (
        "    nc = await nats.connect(url)  # noqa:E501,W291  too long\n",
        "    nc = await nats.connect(url)  # noqa:E501,W291,NAQ301,NAQ311  too long\n",
    ),
    "a noqa that silences one of two": (
        "    nc = await nats.connect(url)  # NOQA: NAQ301\n",
        "    nc = await nats.connect(url)  # NOQA: NAQ301, NAQ311\n",
    ),
    "a call over several lines": (
        "    nc = await nats.connect(\n        url,\n    )  # noqa: E501\n",
        "    nc = await nats.connect(  # noqa: NAQ301, NAQ311\n        url,\n    )  # noqa: E501\n",
    ),
    "a call inside of brackets": (
        "    nc = (\n        await nats.connect(url)\n    )\n",
        "    nc = (\n        await nats.connect(url)  # noqa: NAQ301, NAQ311\n    )\n",
    ),
    "a backslash": (
        "    nc = await nats.connect(url, \\\n        name='a')\n",
        "    nc = await nats.connect(url, \\\n        name='a')  # noqa: NAQ301, NAQ311\n",
    ),
    "a string over several lines": (
        '    nc = await nats.connect(url, name="""a\n  # no comment\n""")\n',
        '    nc = await nats.connect(url, name="""a\n  # no comment\n""")  # noqa: NAQ301, NAQ311\n',
    ),
    "an f-string over several lines": (
        '    nc = await nats.connect(url, name=f"""a{url}\n{\nurl}\n""")\n',
        '    nc = await nats.connect(url, name=f"""a{url}\n{\nurl}\n""")  # noqa: NAQ301, NAQ311\n',
    ),
}


@pytest.mark.parametrize(("before", "after"), OPENINGS.values(), ids=OPENINGS)
def test_the_comment_goes_to_the_line_that_flake8_reads(
    project: Path, before: str, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "app.py").write_text(module(before), "utf-8")
    assert main(["add-noqa"]) == 0
    assert (project / "app.py").read_text("utf-8") == module(after)
    assert flake8() == []
    capsys.readouterr()
    assert main(["add-noqa"]) == 0, "a second run changes nothing"
    assert capsys.readouterr().out == "0 findings silenced in 0 files\n"
    assert (project / "app.py").read_text("utf-8") == module(after)


@pytest.mark.parametrize(
    "opening",
    [
        "    nc = await nats.connect('# noqa: E501')\n",
        "    nc = await nats.connect(url, name='# noqa: E501')  # noqa: E501\n",
        '    nc = await nats.connect(url, name="""\n# noqa: E501\n""")\n',
    ],
    ids=["alone", "with a comment", "over several lines"],
)
def test_a_noqa_in_a_string_is_left_alone_with_its_reason(
    project: Path, opening: str, capsys: pytest.CaptureFixture[str]
) -> None:
    second = "\n\n" + module("    nc = await nats.connect(url)\n").partition("\n\n\n")[2]
    (project / "app.py").write_text(module(opening) + second, "utf-8")
    assert main(["add-noqa"]) == 1
    output = capsys.readouterr()
    assert output.out == "2 findings silenced in 1 file\n"
    reason = "left: a string on its line holds `# noqa`, and flake8 reads no comment after that"
    assert output.err.splitlines() == [
        f"app.py:5: NAQ301 {reason}",
        f"app.py:5: NAQ311 {reason}",
    ]
    assert (project / "app.py").read_text("utf-8").startswith(module(opening))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_bytes_beside_the_comment_stay(project: Path, newline: str, bom: bytes) -> None:
    text = module("    nc = await nats.connect(url)\n") + "\n# é €\x0c\n'no newline at the end'"
    content = bom + text.replace("\n", newline).encode()
    (project / "app.py").write_bytes(content)
    assert main(["add-noqa"]) == 0
    assert (project / "app.py").read_bytes() == content.replace(
        b"connect(url)", b"connect(url)  # noqa: NAQ301, NAQ311"
    )
    assert flake8() == []


def test_the_files_own_encoding_is_kept(project: Path) -> None:
    text = "# -*- coding: latin-1 -*-\n# é\n" + module("    nc = await nats.connect(url)\n")
    (project / "app.py").write_bytes(text.encode("latin-1"))
    assert main(["add-noqa"]) == 0
    expected = text.replace("connect(url)", "connect(url)  # noqa: NAQ301, NAQ311")
    assert (project / "app.py").read_bytes() == expected.encode("latin-1")


def test_the_code_is_the_same(project: Path) -> None:
    before = "".join(module(opening) for opening, _ in OPENINGS.values())
    (project / "app.py").write_text(before, "utf-8")
    assert main(["add-noqa"]) == 0
    after = (project / "app.py").read_text("utf-8")
    assert ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))
    assert flake8() == []


def test_only_what_is_selected_is_silenced(project: Path) -> None:
    text = module("    nc = await nats.connect(url)\n")
    (project / "app.py").write_text(text, "utf-8")
    assert main(["add-noqa", "--select", "NAQ311"]) == 0
    assert flake8() == ["./app.py:5:16: NAQ301"]


def test_what_the_baseline_knows_and_its_stale_entries_get_no_comment(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = module("    nc = await nats.connect(url)\n")
    (project / ".flake8").write_text("[flake8]\nnaq-baseline = known.json\n", "utf-8")
    (project / "app.py").write_text(text, "utf-8")
    (project / "gone.py").write_text(text, "utf-8")
    assert main(["baseline"]) == 0
    (project / "gone.py").write_text("import nats\n", "utf-8")
    capsys.readouterr()
    assert main(["add-noqa"]) == 0
    assert capsys.readouterr().out == "0 findings silenced in 0 files\n"


def test_where_noqa_has_no_effect_it_refuses(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["add-noqa", "--disable-noqa"]) == 2
    assert "no effect" in capsys.readouterr().err
    assert main(["add-noqa", "-"]) == 2
    assert "standard input" in capsys.readouterr().err
