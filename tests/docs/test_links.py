"""Every link of the built site leads somewhere: pages, anchors, pictures, scripts."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

HOST = "https://site.invalid"


class Page(HTMLParser):
    """What one page links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            if name == "src" or (name == "href" and tag in ("a", "link")):
                self.links.append(value)


def broken(folder: Path) -> Iterator[str]:
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in folder.rglob("*.html")}
    for file, page in pages.items():
        here = f"{HOST}/{file.relative_to(folder)}".removesuffix("index.html")
        for link in page.links:
            address, anchor = urldefrag(urljoin(here, link))
            if not address.startswith(HOST):
                continue
            target = folder / unquote(urlsplit(address).path).lstrip("/")
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{file.relative_to(folder)}: {link} leads nowhere"
            elif target in pages and anchor.startswith("code="):
                continue  # a text for the playground
            elif target in pages and unquote(anchor) not in pages[target].anchors:
                yield f"{file.relative_to(folder)}: {link} names no anchor"


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("site")
def test_every_link_leads_to_a_page_and_an_anchor_that_are_there(built: Path) -> None:
    assert list(broken(built)) == []


def test_a_page_and_an_anchor_that_are_missing_are_found(tmp_path: Path) -> None:
    text = '<h1 id="top-of-it"><a href="#top-of-it"></a><a href="b/"></a><a href="#nowhere"></a>'
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    assert list(broken(tmp_path)) == [
        "index.html: b/ leads nowhere",
        "index.html: #nowhere names no anchor",
    ]
