"""What the site offers besides its pages: descriptions, Markdown, ``llms.txt``, addresses."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from recorder import hosting, publish, published
from recorder.phases import ROOT

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("site")]
SITE = "https://owner.example/naq/"
LATEST = f"{SITE}latest/"


def pages(folder: Path) -> dict[str, str]:
    """Every page, by its address."""
    return {
        file.parent.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in folder.rglob("index.html")
    }


def meta(html: str, name: str) -> str | None:
    found = re.search(rf'<meta (?:name|property)="{name}" content="(.*?)">', html, re.DOTALL)
    return unescape(found[1]) if found else None


def test_every_page_has_a_description_of_its_own(built: Path) -> None:
    described = {page: meta(html, "description") or "" for page, html in pages(built).items()}
    poor = {
        page: text
        for page, text in described.items()
        if not 20 < len(text) <= published.LONGEST_DESCRIPTION or text[-1] not in ".!?…"
    }
    assert poor == {}
    twice = [text for text, times in Counter(described.values()).items() if times > 1]
    assert twice == []


def test_every_page_has_its_title_and_description_for_a_preview(built: Path) -> None:
    for page, html in pages(built).items():
        assert meta(html, "og:title"), page
        assert meta(html, "og:description") == meta(html, "description"), page


def test_every_page_is_there_as_markdown_too(built: Path) -> None:
    for page, html in pages(built).items():
        text = (built / page / "index.md").read_text(encoding="utf-8")
        assert re.search(r"^# \S", text, re.MULTILINE), page
        assert "<div" not in re.sub(r"```.*?```|`.*?`", "", text, flags=re.DOTALL), page
        assert published.LINK in html, page


def test_the_markdown_of_a_rule_has_its_code_and_its_fix(built: Path) -> None:
    text = (built / "rules/NAQ03/index.md").read_text(encoding="utf-8")
    assert "```python\nfrom naq.connection import nats_kv_store\n\n\nasync def" in text
    assert "**Fixed**" in text
    assert "playground" not in text


def test_the_list_for_language_models_names_every_page(built: Path) -> None:
    text = (built / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# naq\n\n> A linter and a codemod")
    listed = re.findall(r"^- \[.+?\]\((.+?)\)", text, re.MULTILINE)
    assert sorted(listed) == sorted(
        file.relative_to(built).with_suffix(".md").as_posix() for file in built.rglob("index.html")
    )
    assert all((built / address).is_file() for address in listed)


def test_the_changelog_is_a_page(built: Path) -> None:
    assert "Unreleased" in (built / "changelog" / "index.html").read_text(encoding="utf-8")


def test_the_mark_is_the_site_s_own(built: Path) -> None:
    html = (built / "index.html").read_text(encoding="utf-8")
    assert '<link rel="icon" href="images/favicon.svg">' in html
    assert '<img src="images/mark.svg" alt="logo">' in html


@pytest.mark.skipif(hosting.hosting().site != "", reason="the site has an address")
def test_without_an_address_nothing_names_one(built: Path) -> None:
    assert "<loc>" not in (built / "sitemap.xml").read_text(encoding="utf-8")
    for page, html in pages(built).items():
        assert 'rel="canonical"' not in html, page
        assert meta(html, "og:url") is None, page


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small site that is built with an address."""
    docs = tmp_path_factory.mktemp("docs")
    (docs / "rules").mkdir()
    (docs / "index.md").write_text("# Start\n\nOne page with a sentence of its own.\n", "utf-8")
    (docs / "rules" / "index.md").write_text("# Rules\n\nAll rules in one list here.\n", "utf-8")
    folder = tmp_path_factory.mktemp("hosted")
    config = load_config(
        str(ROOT / "mkdocs.yml"),
        docs_dir=str(docs),
        site_dir=str(folder),
        strict=False,
        nav=[{"Start": "index.md"}, {"Rules": "rules/"}],
    )
    with pytest.MonkeyPatch.context() as patched:
        address = hosting.Hosting("https://github.com/OWNER/NAME", SITE)
        patched.setattr(hosting, "hosting", lambda: address)
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
    return folder


def test_with_an_address_each_page_has_its_canonical_link(hosted: Path) -> None:
    for page, html in pages(hosted).items():
        address = LATEST if page == "." else f"{LATEST}{page}/"
        assert f'<link rel="canonical" href="{address}">' in html
        assert meta(html, "og:url") == address


def test_with_an_address_the_sitemap_lists_the_pages(hosted: Path) -> None:
    listed = re.findall(r"<loc>(.*?)</loc>", (hosted / "sitemap.xml").read_text(encoding="utf-8"))
    assert LATEST in listed
    assert f"{LATEST}rules/NAQ03/" in listed


def test_with_an_address_the_list_for_language_models_has_it(hosted: Path) -> None:
    assert f"]({LATEST}rules/NAQ03/index.md)" in (hosted / "llms.txt").read_text(encoding="utf-8")


def test_with_an_address_a_reader_can_choose_a_version(hosted: Path) -> None:
    html = (hosted / "index.html").read_text(encoding="utf-8")
    assert '"version": {"provider": "mike"}' in html


def test_without_an_address_nothing_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "hosting", hosting.Hosting)
    with pytest.raises(publish.PublishError, match="the site has no address"):
        publish.publish()


def test_the_addresses_are_those_of_the_project() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)["tool"]["hosted"]
    assert (hosting.hosting().repository, hosting.hosting().site) == tuple(found.values())


def test_a_description_ends_with_a_whole_sentence() -> None:
    first = "The first sentence is long enough to stand alone, with a few words more in it."
    assert published.shortened(f"{first} {'Second ' * 40}") == first


def test_a_sentence_that_is_too_long_ends_with_a_whole_word() -> None:
    short = published.shortened("word " * 60)
    assert len(short) <= published.LONGEST_DESCRIPTION
    assert short.endswith(" word…")


def test_a_picture_is_read_by_its_words() -> None:
    soup = published.parsed('<div role="img" aria-label="Queue: 5 safe"><b>5</b></div>')
    assert published.markdown(soup) == "Queue: 5 safe.\n"


def test_empty_lines_in_code_stay() -> None:
    soup = published.parsed(
        "<p>a</p><div class='language-python'><pre><code>a\n\n\nb\n</code></pre></div>"
    )
    assert "```python\na\n\n\nb\n```" in published.markdown(soup)
