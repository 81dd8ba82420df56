"""What the site has for readers other than a browser: descriptions, Markdown, ``llms.txt``.

The Markdown is made from the finished page by markdownify, as the pages of the API come from
docstrings and have no text of their own before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

LONGEST_DESCRIPTION = 160
"""What a search engine shows of a description, in characters."""

LINK = '<p class="as-markdown"><a href="index.md">This page as Markdown</a></p>\n'
"""The link from a page to its Markdown. As a `<link>` the theme takes it for another language."""

# What is nothing to read: controls, pictures without words, and the phases' modules side by side:
# the page has the command that prints their diff.
_NOT_READ = (
    "a.headerlink, a.try, button, input, nav, script, style, link, noscript, "
    "#workbench, .tabbed-labels, .side-by-side"
)
# Pygments marks up each word; a parser takes ten times as long with it.
_FILENAME = re.compile(r'<span class="filename">(.*?)</span>')
_INLINE = re.compile(r'<a id="__(?:codelineno|span)[^>]*></a>|</?span[^>]*>')
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page in ``llms.txt``.

    Attributes:
        title: Its title.
        url: Its address, from the site's root.
        description: One or two sentences.
    """

    title: str
    url: str
    description: str


def parsed(html: str) -> BeautifulSoup:
    """The content of a page without what only a browser needs."""
    named = _FILENAME.sub(r"<p><strong>\1</strong></p>", html)
    soup = BeautifulSoup(_INLINE.sub("", named), "html.parser")
    for numbered in soup.select("table.highlighttable"):
        numbered.replace_with(numbered.select_one("td.code > *") or "")
    _title_tabs(soup)
    for drawn in soup.select("[role=img][aria-label]"):
        drawn.replace_with(f"{drawn['aria-label']}. ")
    for element in soup.select(_NOT_READ):
        element.decompose()
    return soup


def _title_tabs(soup: BeautifulSoup) -> None:
    """Put the title of each tab above its content."""
    for tabs in soup.select(".tabbed-set"):
        labels = tabs.select(":scope > .tabbed-labels > label")
        blocks = tabs.select(":scope > .tabbed-content > .tabbed-block")
        for label, block in zip(labels, blocks, strict=True):
            title = soup.new_tag("strong")
            title.string = label.get_text(strip=True)
            paragraph = soup.new_tag("p")
            paragraph.append(title)
            block.insert(0, paragraph)


def markdown(soup: BeautifulSoup) -> str:
    """A parsed page as Markdown."""
    converter = MarkdownConverter(
        heading_style="ATX", bullets="-", code_language_callback=_language
    )
    text: str = converter.convert_soup(soup)
    parts = _FENCED.split(text)
    # The odd parts are blocks of code, whose empty lines stay.
    parts[::2] = [re.sub(r"\n{3,}", "\n\n", part) for part in parts[::2]]
    return "".join(parts).strip() + "\n"


def _language(pre: Tag) -> str:
    """The language of a block of code, by the class of an element around it."""
    for parent in pre.parents:
        for name in parent.get("class") or ():
            if name.startswith("language-"):
                return name.removeprefix("language-").replace("text", "")
    return ""


def description(soup: BeautifulSoup) -> str:
    """The first sentences of a parsed page, as many as a search engine shows."""
    for paragraph in soup.find_all("p"):
        text = " ".join(paragraph.get_text().split())
        if len(text.split()) > 4 and text.endswith((".", "!", "?", ":")):
            return shortened(text.removesuffix(":") + "." if text.endswith(":") else text)
    return ""


def shortened(text: str) -> str:
    """The whole sentences of a text that are short enough; the words of the first if none is."""
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    head = text[: LONGEST_DESCRIPTION + 1]
    end = max((match.end() for match in re.finditer(r"[.!?](?=\s)", head)), default=0)
    if end > LONGEST_DESCRIPTION // 3:
        return head[:end]
    return head[: LONGEST_DESCRIPTION - 1].rpartition(" ")[0].rstrip(",;:") + "…"


def llms(name: str, summary: str, sections: Sequence[tuple[str, Sequence[Listed]]]) -> str:
    """The list of all pages for language models, after https://llmstxt.org."""
    return "\n".join(_lines(name, summary, sections)) + "\n"


def _lines(
    name: str, summary: str, sections: Sequence[tuple[str, Sequence[Listed]]]
) -> Iterator[str]:
    yield f"# {name}"
    yield f"\n> {summary}"
    for title, pages in sections:
        yield f"\n## {title}\n"
        for page in pages:
            words = f": {page.description}" if page.description else ""
            yield f"- [{page.title}]({page.url}){words}"
