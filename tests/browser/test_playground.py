"""The playground: started once, then asked by one test after the other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from flake8_naq.rules import all_rules
from recorder.playground.page import fragment

from .conftest import NPM

pytestmark = pytest.mark.skipif(NPM is None, reason="no npm: `apt-get install npm`")

PAIRS = Path(__file__).parents[1] / "unit" / "migrate" / "data"
LEAK = """\
import nats


async def announce(url, subject):
    nc = await nats.connect(url)
    js = nc.jetstream()
    await js.publish(subject, b"up")
    await nc.close()
"""
PARTS = ("analysis", "graphs", "safe", "unsafe")


def samples() -> list[str]:
    """50 texts: of each rule in turn what it reports and what it passes, and pairs of the codemod."""
    examples = ((*rule.bad[:3], *rule.good[:1]) for rule in all_rules())
    in_turn = chain.from_iterable(zip_longest(*examples))
    codes = [example.code for example in in_turn if example]
    codes += ["nats = 1\n", LEAK.replace("(url)\n", "(url)  # noqa\n")]
    codes += [file.read_text("utf-8") for file in sorted(PAIRS.glob("*/before.py"))]
    return list(islice(dict.fromkeys(codes), 50))


class Playground:
    """The started playground on one page, and all requests that it made."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        page.on(
            "request", lambda request: self.requests.append(request.url + (request.post_data or ""))
        )

    def ask(self, code: str, file: str = "example.py") -> dict[str, Any]:
        """Open a text by its address, wait for all answers, and read them."""
        return self.page.evaluate(
            """async address => {
              const answers = document.querySelector("#workbench .answers");
              answers.removeAttribute("aria-busy");
              history.replaceState(null, "", address);
              dispatchEvent(new HashChangeEvent("hashchange"));
              const end = performance.now() + 60_000;
              while (answers.getAttribute("aria-busy") !== "false") {
                if (performance.now() > end) throw new Error(`no answer to ${address}`);
                await new Promise(resolve => setTimeout(resolve, 5));
              }
              const texts = (part, selector) =>
                [...document.querySelectorAll(`#panel-${part} ${selector}`)].map(one => one.textContent);
              const fix = part => ({
                diff: texts(part, "pre.diff").join(""), messages: texts(part, ".messages li"),
              });
              return {
                findings: texts("analysis", "li"), safe: fix("safe"), unsafe: fix("unsafe"),
              };
            }""",
            fragment(code, file),
        )

    def tab(self, part: str) -> None:
        """Show one part of the answers."""
        self.page.locator(f"#tab-{part}").click()


@pytest.fixture(scope="module")
def playground(site: Any, browser: Browser) -> Iterator[Playground]:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
        base_url=site.url,
    )
    page = context.new_page()
    started = Playground(page)
    page.goto("/playground/")
    assert len(started.requests) < 20, "nothing is loaded before it is asked for"
    page.evaluate(
        """() => {
          window.seen = [];
          const status = document.querySelector("#workbench [role=status]");
          new MutationObserver(() => window.seen.push(status.textContent))
            .observe(status, {childList: true, characterData: true, subtree: true});
        }"""
    )
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#workbench [role=status]")).to_contain_text("findings", timeout=120_000)
    expect(page.locator(".answers[aria-busy=false]")).to_have_count(1, timeout=60_000)
    yield started
    context.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The command lines' answers on the same texts, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("samples")
    for number, code in enumerate(samples()):
        (folder / f"s{number}").mkdir()
        (folder / f"s{number}" / "example.py").write_text(code, encoding="utf-8")
    lint = [sys.executable, "-m", "flake8", "--isolated", "--select=NAQ", "."]
    fix = [str(Path(sysconfig.get_path("scripts")) / "naq-migrate"), "fix", "--isolated", "--diff"]
    found = _by_sample(_run(folder, lint).stdout)
    fixed = {
        safety: _run(folder, [*fix, *options, "."])
        for safety, options in {"safe": [], "unsafe": ["--unsafe-fixes"]}.items()
    }
    diffs = {safety: _diffs(done.stdout) for safety, done in fixed.items()}
    messages = {safety: _by_sample(done.stderr) for safety, done in fixed.items()}
    return [
        {
            "findings": found.get(number, []),
            **{
                safety: {
                    "diff": diffs[safety].get(number, ""),
                    "messages": messages[safety].get(number, []),
                }
                for safety in fixed
            },
        }
        for number in range(len(samples()))
    ]


def _run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _by_sample(output: str) -> dict[int, list[str]]:
    """The lines about each sample, without its folder."""
    lines: dict[int, list[str]] = {}
    for line in output.splitlines():
        if match := re.fullmatch(r"(?:\./)?s(\d+)/(example\.py:.*)", line):
            lines.setdefault(int(match[1]), []).append(match[2])
    return lines


def _diffs(output: str) -> dict[int, str]:
    parts = re.split(r"^(?=--- s\d+/example\.py$)", output, flags=re.MULTILINE)
    return {
        int(match[1]): re.sub(r"^(---|\+\+\+) s\d+/", r"\1 ", part, flags=re.MULTILINE)
        for part in parts
        if (match := re.match(r"--- s(\d+)/", part))
    }


def _as_shown(finding: str) -> str:
    """A line of flake8, ``example.py:5:10: NAQ301 text``, as the playground lists it."""
    match = re.fullmatch(r"example\.py:(\d+):\d+: (.*)", finding)
    assert match
    return f"line {match[1]} {match[2]}"


def test_its_answers_to_50_samples_are_those_of_the_command_line(
    playground: Playground, expected: list[dict[str, Any]]
) -> None:
    codes = samples()
    assert len(codes) == 50
    differing = {}
    for code, answer in zip(codes, expected, strict=True):
        wanted = {**answer, "findings": [_as_shown(line) for line in answer["findings"]]}
        given = playground.ask(code)
        if given != wanted:
            differing[code] = (given, wanted)
    assert differing == {}


def test_a_start_says_how_far_it_is(playground: Playground) -> None:
    seen = playground.page.evaluate("window.seen")
    shares = [int(text.split()[1]) for text in seen if text.startswith("Loading:")]
    assert shares == sorted(shares)
    assert shares[-1] > 80
    assert "Starting linter and codemod" in seen


def test_a_finding_is_marked_in_the_text_and_leads_to_its_rule(playground: Playground) -> None:
    playground.ask(LEAK)
    page = playground.page
    playground.tab("analysis")
    assert page.locator(".cm-lintRange").first.inner_text().startswith("nats.connect(url)")
    link = page.locator("#panel-analysis a").first
    assert (link.get_attribute("href") or "").endswith("/rules/NAQ02/")
    page.get_by_role("button", name="line 5").first.click()
    expect(page.locator(".cm-content")).to_be_focused()


def test_findings_follow_what_is_typed(playground: Playground) -> None:
    page = playground.page
    playground.ask("import nats\n")
    playground.tab("analysis")
    expect(page.locator("#panel-analysis")).to_contain_text("The linter finds nothing")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("async def up():\nnc = await nats.connect()\nawait nc.flush()")
    expect(page.locator("#panel-analysis")).to_contain_text("NAQ311")
    page.keyboard.type(" (")
    expect(page.locator("#workbench [role=status]")).to_contain_text("not valid Python")


def test_the_file_s_name_decides_the_priority(playground: Playground) -> None:
    (first, *_) = playground.ask(LEAK, "naq/queue.py")["findings"]
    assert "NAQ1" in first
    (first, *_) = playground.ask(LEAK, "../../etc/x.py")["findings"]
    assert "NAQ3" in first


def test_the_path_that_leaks_is_drawn_and_in_words(playground: Playground) -> None:
    page = playground.page
    playground.ask(LEAK)
    playground.tab("graphs")
    sentence = "Path that leaks nc: line 5 → 6 → 7, which raises → an exception leaves."
    expect(page.locator("figcaption")).to_contain_text(sentence)
    expect(page.get_by_role("img", name=sentence)).to_be_visible()
    expect(page.locator(".picture path.leak")).to_have_count(3)
    page.locator("#panel-graphs summary").click()
    expect(page.locator("#panel-graphs li").first).to_be_visible()


def test_a_fix_goes_into_the_editor(playground: Playground) -> None:
    page = playground.page
    playground.ask(LEAK)
    playground.tab("unsafe")
    page.locator("#panel-unsafe").get_by_role("button").click()
    expect(page.locator(".cm-content")).to_contain_text("async with await nats.connect(url) as nc:")
    expect(page.locator("#workbench [role=status]")).to_contain_text("0 findings")


def test_a_copied_link_holds_the_text(playground: Playground) -> None:
    page = playground.page
    playground.ask(LEAK, "naq/queue.py")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    playground.ask("import nats\n")
    page.evaluate("address => { location.hash = new URL(address).hash }", copied)
    expect(page.locator(".cm-content")).to_contain_text("async def announce")
    expect(page.get_by_label("File name")).to_have_value("naq/queue.py")


def test_a_damaged_link_changes_nothing(playground: Playground) -> None:
    playground.ask(LEAK)
    playground.page.evaluate("location.hash = '#code=%%%'")
    expect(playground.page.locator(".cm-content")).to_contain_text("async def announce")


def test_the_code_is_sent_nowhere(playground: Playground, site: Any) -> None:
    before = len(playground.requests)
    playground.ask(LEAK.replace("announce", "a_secret"))
    later = [url for url in playground.requests[before:] if not url.endswith("/favicon.svg")]
    assert later == []
    assert [
        url for url in playground.requests if not url.startswith((site.url, "data:", "blob:"))
    ] == []


@pytest.mark.parametrize("scheme", ["default", "slate"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_and_has_no_serious_fault(playground: Playground, width: int, scheme: str) -> None:
    page = playground.page
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("scheme => { document.body.dataset.mdColorScheme = scheme }", scheme)
    playground.ask(LEAK)
    for part in PARTS:
        playground.tab(part)
        violations = Axe().run(page).response["violations"]
        serious = [one for one in violations if one["impact"] in ("serious", "critical")]
        assert json.dumps([[one["id"], one["nodes"][0]["html"]] for one in serious]) == "[]"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_arrows_move_between_the_tabs(playground: Playground) -> None:
    page = playground.page
    playground.tab("analysis")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Graph")).to_be_focused()
    expect(page.locator("#panel-graphs")).to_be_visible()
    expect(page.locator("#panel-analysis")).to_be_hidden()


def test_code_that_python_does_not_survive_starts_it_again(playground: Playground) -> None:
    deep = f"import nats\nx = {'(' * 400}1{')' * 400}\n"
    playground.ask(deep)
    expect(playground.page.locator("#panel-safe")).to_contain_text("and starts again")
    assert playground.ask(LEAK)["findings"]
