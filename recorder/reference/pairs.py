"""The pages of the codemod's pairs: each before and after as a diff, with the codemod's messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from recorder.markdown import fence
from recorder.phases import ROOT
from recorder.playground import page as playground

DATA = ROOT / "tests" / "unit" / "migrate" / "data"
"""Where the pairs are: each a folder with ``before.py`` and the codemod's output."""

PAGES: dict[str, dict[str, str]] = {
    "medium": {
        "medium_scheduler": "Three methods with a `finally` each: the plan's first example.",
        "medium_status": "The same with `nc = None` before the `try`, and with an `except` of its own.",
        "medium_batch": "An `except` clause that sees the errors of the body keeps seeing the same ones.",
        "medium_results": "Early returns and a listing: the block ends where the `finally` was.",
        "medium_kv_errors": "An error block with names that nats-py does not have.",
        "medium_constructor": "`nats_url` becomes `config`, in the constructor and at its callers.",
        "medium_reuse": "Two buckets on one connection: `nats_jetstream`, and `key_value()` for each.",
        "medium_several_connections": "Two connections in one function become one, where they lead to the same"
        " server and hear none of each other's messages.",
        "medium_one_close_for_two": "One close for two connections: the second one leaked.",
        "medium_collected": "Connections in a list: how many there are is the author's decision.",
    },
    "high": {
        "high_queue": "Publishing, and a pull subscription that ends before its connection.",
        "high_worker": "A message is acknowledged inside the block, in the same order as before.",
        "high_events": "Two publishers: one needs a connection, the other JetStream.",
        "high_connection_errors": "Handlers of connection errors stay around the block.",
        "categories_without_try": "The inventory's four categories, closed on the straight path only.",
    },
    "opening": {
        "plain_client_made_first": "`NATS()` and then `connect()` is one `nats.connect(...)`.",
        "plain_dialled_in_a_try": "A connect whose errors a handler catches stays inside that `try`.",
        "plain_dialled_or_exits": "A handler that ends the function when there is no server.",
        "plain_opened_by_a_parameter": "The function that connects is an argument.",
        "plain_opened_together": "Two connections opened by one `gather`.",
        "plain_several_connections": "Two clients that are alive at once stay two where one could tell.",
        "plain_name_of_several_connections": "One name for two connections, one after the other.",
        "plain_bound_again": "A name that is bound to something else later.",
    },
    "closing": {
        "plain_drain_in_finally": "A `drain()` is work: it stays, and the block closes after it.",
        "plain_closed_among_calls": "A close beside log lines, guards and other cleanup.",
        "plain_closed_by_a_function": "A function of the file closes what it is given.",
        "plain_closed_in_the_order_of_opening": "Blocks close the last one first; these closed the first one first.",
        "plain_crossing_lifetimes": "The second connection opens before the first one closes, and outlives it.",
        "plain_handlers_after_the_close": "Handlers that run after the close, and what they may ask.",
        "plain_exception_groups": "`except*` around the body.",
    },
    "unsafe": {
        "plain_never_closed": "No close at all: a block adds one, so it takes `--unsafe-fixes`.",
        "proof_callbacks": "Callbacks that could see another order of the closes.",
        "proof_cleanup": "Cleanup that would no longer run if connect failed.",
        "proof_early_exit": "A close before a `return` or a `raise`, with a block in between.",
    },
}
"""The pairs of each page, in the plan's order, with a sentence."""

_GROUPS = {
    "medium": ("medium",),
    "high": ("high", "categories"),
    "closing": ("plain",),
    "unsafe": ("proof",),
}
"""The prefixes of pairs that no page lists, by the page that shows them at its end."""


def page(name: str) -> str:
    """The pairs of one page."""
    return "\n".join(_pair(folder, sentence) for folder, sentence in pairs(name))


MADE = {f"pairs-{name}": partial(page, name) for name in PAGES}
"""Parts that the pages request with ``<!-- made: NAME -->``."""


def pairs(name: str) -> Iterator[tuple[Path, str]]:
    """The folders of one page, each with its sentence."""
    for folder, sentence in PAGES[name].items():
        yield DATA / folder, sentence
    listed = {folder for listing in PAGES.values() for folder in listing}
    for group in _GROUPS.get(name, ()):
        for path in sorted(DATA.glob(f"{group}_*")):
            if path.name not in listed:
                yield path, ""


def title_of(folder: Path) -> str:
    """The heading of a pair."""
    _, *words = folder.name.replace("_kv_", "_key-value_").split("_")
    return " ".join(words).capitalize()


def _pair(folder: Path, sentence: str) -> str:
    parts = [f"## {title_of(folder)}\n", f"{sentence}\n"]
    before, after = folder / "before.py", folder / "after.py"
    if after.exists():
        parts.append(_diff("naq-migrate fix", before, after))
    else:
        parts.append(fence("python", before.read_text(encoding="utf-8"), title="left as it is"))
    unsafe = folder / "after_unsafe.py"
    if unsafe.exists():
        safe = after if after.exists() else before
        parts.append(_diff("naq-migrate fix --unsafe-fixes, on top", safe, unsafe))
    messages = (folder / "messages.txt").read_text(encoding="utf-8")
    if messages:
        parts.append(fence("text", messages, title="messages"))
    parts.append(playground.link(before.read_text(encoding="utf-8"), "before.py"))
    return "\n".join(parts)


def _diff(title: str, before: Path, after: Path) -> str:
    lines = difflib.unified_diff(
        before.read_text(encoding="utf-8").splitlines(keepends=True),
        after.read_text(encoding="utf-8").splitlines(keepends=True),
        "before",
        "after",
    )
    return fence("diff", "".join(lines), title=title)
