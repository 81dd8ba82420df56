"""The site's search: what people type, and the page that they should find first."""

from __future__ import annotations

import inspect

import nats.errors
import nats.js.errors
import pytest
from playwright.sync_api import Browser

FIRST = {
    # Getting started.
    "how to install": "guide/install/",
    "install": "guide/install/",
    "cheat sheet": "guide/cheat-sheet/",
    "field report": "field/",
    "benchmarks": "benchmarks/",
    "glossary of phases": "phases/",
    # The migration.
    "baseline": "guide/ratchet/",
    "rollback": "guide/cheat-sheet/#rollback",
    "checklist": "phases/checklists/",
    "reviewers": "guide/cheat-sheet/#what-to-tell-reviewers",
    "mock tests": "guide/cheat-sheet/#tests-that-mock-nats",
    "pre-commit": "guide/ci/",
    "troubleshooting": "guide/troubleshooting/",
    "pitfalls": "guide/pitfalls/",
    "fastapi application": "guide/one-connection/#a-fastapi-application",
    "fixture": "guide/one-connection/#a-test-fixture",
    "one connection": "guide/one-connection/",
    "drain": "guide/pitfalls/#drain-against-close",
    "unsafe-fixes": "guide/codemod/",
    # Rules, by number and by name.
    "NAQ311": "rules/NAQ11/",
    "NAQ203": "rules/NAQ03/",
    "connection-leak": "rules/NAQ11/",
    "NAQ002": "guide/troubleshooting/#naq002",
    # Names in code.
    "nats_kv_store": "naq/",
    "nats.errors.KeyValueNotFound": "guide/errors/#keyvaluenotfound",
    "KeyValueNotFound": "guide/errors/#keyvaluenotfound",
    "get_nats_connection": "",
    "enqueue_many": "naq/",
    "retry_on_connection_failure": "naq/",
    "with_nats_connection": "naq/",
    # The queue.
    "retries": "naq/how-to/retries/",
    "cron": "naq/how-to/schedules/",
    "permissions": "naq/how-to/operation/",
    "results": "naq/how-to/results/",
    "progress": "naq/how-to/events/",
    "without async": "naq/how-to/sync/",
    "decorators": "naq/connections/#decorators",
    "monitoring": "naq/connections/#monitoring",
    "exit codes": "",
    "scheduler": "",
}
"""40 queries, each with the beginning of the address of its first hit."""

MODULES = (nats.errors, nats.js.errors)
ERRORS = sorted(
    {
        # The base class has a name that any page may use.
        name if name != "Error" else f"{module.__name__}.{name}"
        for module in MODULES
        for name, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Exception) and found.__module__ == module.__name__
    }
)


SEARCH = """
async queries => {
  const settings = JSON.parse(document.getElementById("__config").textContent)
  const index = await (await fetch(new URL("search/search_index.json", location.origin))).json()
  const worker = new Worker(settings.search)
  const answer = (type, data, expected) => new Promise(resolve => {
    worker.onmessage = event => { if (event.data.type === expected) resolve(event.data.data) }
    worker.postMessage({ type, data })
  })
  await answer(0, { ...index, options: { suggest: false } }, 1)
  const hits = {}
  for (const query of queries) {
    const { items } = await answer(2, query, 3)
    hits[query] = items.map(sections =>
      sections.reduce((best, one) => one.score > best.score ? one : best).location)
  }
  worker.terminate()
  return hits
}
"""
"""Asks the theme's own search worker, with the index that the site is built with."""


@pytest.fixture(scope="module")
def hits(site, browser: Browser) -> dict[str, list[str]]:
    """The addresses that each query finds, best first."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(site.url)
        found: dict[str, list[str]] = page.evaluate(SEARCH, [*FIRST, *ERRORS])
        return found


@pytest.mark.parametrize("query", FIRST)
def test_the_first_hit_is_the_page_that_people_look_for(
    hits: dict[str, list[str]], query: str
) -> None:
    assert hits[query][0].startswith(FIRST[query])


@pytest.mark.parametrize("name", ERRORS)
def test_each_error_of_nats_py_is_found_on_the_page_of_errors(
    hits: dict[str, list[str]], name: str
) -> None:
    assert hits[name][0].startswith("guide/errors/")
