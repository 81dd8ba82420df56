"""mkdocs hooks: fill the site from the rules, the commands and the records of the phases.

https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

from flake8_naq.report import rule_page
from flake8_naq.rules import all_rules
from recorder import architecture, benchmarks, hosting, overview, published
from recorder.field import page as field
from recorder.pages import PARTS
from recorder.phases import ROOT, all_phases, load
from recorder.playground import build as playground_build
from recorder.playground import page as playground
from recorder.reference import cheats, commands, configuration, errors, pairs, rules
from recorder.source import source_markdown, source_page, successors

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.nav import Navigation
    from mkdocs.structure.pages import Page

_MENDED = {
    # Material asks the repository's host for its stars.
    ' data-md-component="source"': "",
    # A dialog needs a name.
    'data-md-component="search" role="dialog"': (
        'data-md-component="search" role="dialog" aria-label="Search"'
    ),
}
"""Replacements in the theme's output."""


class _Site:
    """What one build gathers from page to page."""

    nav: Navigation
    pages: list[tuple[Page, str]]


_SITE = _Site()

_MARKER = re.compile(r"^<!-- (record|made): ([\w-]+) -->$", re.MULTILINE)

MADE: dict[str, Callable[[], str]] = {
    "architecture": architecture.page,
    "benchmarks": benchmarks.page,
    "changelog": lambda: (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    "cheats": cheats.page,
    "naq": commands.naq,
    "naq-migrate": commands.naq_migrate,
    "nats-errors": errors.page,
    "options": configuration.options,
    **pairs.MADE,
    "playground": playground.page,
    "phases-chart": overview.chart,
    "phases-glance": overview.glance_of_all,
    "phases-times": overview.times,
    "phases-shapes": overview.shapes,
    "phases-effects": overview.effects,
    "plugin-codes": rules.plugin_codes,
    "rules": rules.overview,
    "settings": configuration.settings,
    **field.PARTS,
}
"""Parts that any page may request with ``<!-- made: NAME -->``."""


RULE_FRONT = "---\nsearch:\n  boost: 2\n---\n\n"
"""A code leads to its rule, whichever page prints it."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Link to the hosted site and sources, where the repository has a host."""
    hosted = hosting.hosting()
    config.site_url = hosted.latest or None
    if hosted.site:
        config.extra["version"] = {"provider": "mike"}
    if hosted.repository:
        config.repo_url = hosted.repository
        config.repo_name = hosted.repository.removeprefix("https://github.com/")
        config.edit_uri = "edit/main/docs/"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from code, and name all made pages in the navigation."""
    for rule in all_rules():
        file = File.generated(
            config, f"rules/NAQ{rule.number}.md", content=RULE_FRONT + rules.page(rule)
        )
        file.edit_uri = f"../{rules.source(rule)}"
        files.append(file)
    for asset in playground_build.files():
        uri = f"{playground.ASSETS}{asset.parent.name}/{asset.name}"
        files.append(File.generated(config, uri, abs_src_path=str(asset)))
    for module in successors():
        files.append(File.generated(config, source_page(module), content=source_markdown(module)))
    listed = {
        "phases/": [
            *({phase.title: f"phases/{phase.name}/index.md"} for phase in all_phases()),
            {"The plan's checklists": "phases/checklists.md"},
        ],
        "rules/": [{rule_page.title(rule): f"rules/NAQ{rule.number}.md"} for rule in all_rules()],
    }
    config.nav = _filled(config.nav, listed)
    return files


def _filled(entry: Any, listed: dict[str, list[dict[str, str]]]) -> Any:
    """A part of the navigation, with the made pages where it names their folder."""
    if isinstance(entry, dict):
        return {title: _filled(value, listed) for title, value in entry.items()}
    if isinstance(entry, list):
        return [_filled(value, listed) for value in entry]
    return [f"{entry}index.md", *listed[entry]] if entry in listed else entry


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Insert the generated parts where a page requests them.

    Raises:
        PluginError: the page requests a part that does not exist.
    """
    place = PurePosixPath(page.file.src_uri)

    def part(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "record" and name in PARTS:
            return PARTS[name](load(place.parent.name))
        if kind == "made" and name in MADE:
            return MADE[name]()
        raise PluginError(f"{place}: there is no part `{kind}: {name}`")

    address = get_relative_url(playground.ADDRESS, page.url)
    return playground.addressed(_MARKER.sub(part, markdown), address)


def on_nav(nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
    """Keep the navigation, whose order ``llms.txt`` follows."""
    _SITE.nav = nav
    _SITE.pages = []
    return nav


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Describe the page by its first sentences, and keep it as Markdown."""
    soup = published.parsed(html)
    page.meta.setdefault("description", published.description(soup))
    _SITE.pages.append((page, published.markdown(soup)))
    return html + published.LINK


def on_post_build(*, config: MkDocsConfig) -> None:
    """Write what is for readers other than a browser."""
    site = Path(config.site_dir)
    for page, text in _SITE.pages:
        (site / page.file.dest_uri).with_suffix(".md").write_text(text, encoding="utf-8")
    text = published.llms(config.site_name, config.site_description or "", list(_sections(config)))
    (site / "llms.txt").write_text(text, encoding="utf-8")


def _sections(config: MkDocsConfig) -> Iterator[tuple[str, list[published.Listed]]]:
    """The pages of each part of the navigation, and those that it leaves out."""
    for item in _SITE.nav.items:
        pages = [page for page in _SITE.nav.pages if item in (page, *page.ancestors)]
        yield item.title or "", [_listed(page, config) for page in pages]
    others = [page for page, _ in _SITE.pages if page not in _SITE.nav.pages]
    if others:
        yield "Optional", [_listed(page, config) for page in others]


def _listed(page: Page, config: MkDocsConfig) -> published.Listed:
    uri = str(PurePosixPath(page.file.dest_uri).with_suffix(".md"))
    address = f"{config.site_url or ''}{uri}"
    return published.Listed(str(page.title), address, str(page.meta.get("description", "")))


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Mend the theme's output."""
    return _mended(output)


def on_post_template(output: str, *, template_name: str, config: MkDocsConfig) -> str:
    """Mend the theme's output in the page for a missing address too."""
    return _mended(output)


def _mended(html: str) -> str:
    for part, better in _MENDED.items():
        html = html.replace(part, better)
    return html
