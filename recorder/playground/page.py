"""The playground's page, and the links that open code in it."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from html import escape
from urllib.parse import urlencode

from flake8_naq.report import rule_page
from flake8_naq.rules import Rule, all_rules
from recorder.playground.build import assets, megabytes

EXAMPLE = "example.py"
"""The name of a text without one."""

ADDRESS = "playground/"
"""The page's address, from the site's root."""

ASSETS = "assets/playground/"
"""Where the site has the assets, from its root."""

# Stands for the playground's address, which differs from page to page.
_SCHEME = "playground:"

_MISSING = """\
!!! note "This build of the site has no playground"

    Its parts come from npm when the site is built: `python -m recorder playground`, and then
    `mkdocs build`. `tox run -e docs` does both.
"""

_PARTS = {
    "analysis": "Findings",
    "graphs": "Graph",
    "safe": "Safe fix",
    "unsafe": "Unsafe fix",
}

_SAMPLE = """\
import nats


async def announce(url, subject, names):
    nc = await nats.connect(url)
    js = nc.jetstream()
    for name in names:
        if not name:
            return
        await js.publish(subject, name.encode())
    await nc.close()


async def remember(url, key, value):
    nc = await nats.connect(url)
    try:
        js = nc.jetstream()
        kv = await js.key_value("names")
        await kv.put(key, value)
    finally:
        await nc.close()
"""


def fragment(code: str, filename: str = EXAMPLE) -> str:
    """The fragment of the playground's address that holds a text.

    Args:
        code: The text.
        filename: Its name, which decides the priority of its findings.
    """
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(code.encode()) + packer.flush()
    fields = {"code": base64.urlsafe_b64encode(packed).decode().rstrip("=")}
    if filename != EXAMPLE:
        fields["file"] = filename
    return f"#{urlencode(fields)}"


def link(code: str, filename: str = EXAMPLE) -> str:
    """A link that opens a text in the playground, as HTML for any page.

    Args:
        code: The text.
        filename: Its name, which decides the priority of its findings.
    """
    address = f"{_SCHEME}{escape(fragment(code, filename))}"
    return f'<a class="try" href="{address}">Try it in the playground</a>\n'


def addressed(markdown: str, address: str) -> str:
    """The text of a page with the playground's address, as seen from it, in its links."""
    return markdown.replace(f'href="{_SCHEME}', f'href="{address}')


def page() -> str:
    """The playground, or how to build it where its assets are missing."""
    folder = assets()
    if folder is None:
        return _MISSING
    base = f"../{ASSETS}{folder.name}/"
    tabs = "".join(
        f'<button type="button" role="tab" id="tab-{part}" aria-controls="panel-{part}">'
        f"{title}<span></span></button>"
        for part, title in _PARTS.items()
    )
    panels = "".join(
        f'<div role="tabpanel" id="panel-{part}" data-part="{part}" aria-labelledby="tab-{part}"'
        ' tabindex="0"></div>'
        for part in _PARTS
    )
    return f"""\
<div id="workbench" data-rules="../rules/" hidden>
<link rel="stylesheet" href="{base}playground.css">
<div class="bar">
<label>Example<select name="example"><option value="">Choose one</option>{_options()}</select></label>
<label>File name, which decides the priority<input name="file" value="{EXAMPLE}" spellcheck="false"></label>
<button type="button" name="share">Copy link</button>
<button type="button" name="start">Start ({megabytes(folder)} MB)</button>
</div>
<div class="load"><progress value="0" aria-label="Loading"></progress><p role="status"></p></div>
<div class="panes">
<div class="editor"><textarea aria-label="Python code" spellcheck="false">{escape(_SAMPLE)}</textarea></div>
<div class="answers"><div role="tablist" aria-label="Answers">{tabs}</div>{panels}</div>
</div>
</div>
<script type="module" src="{base}page.js"></script>
<noscript><p>The playground needs JavaScript and WebAssembly.</p></noscript>
"""


def _options() -> str:
    """The first examples of each rule; the rule's page links to all of them."""
    return "".join(
        f'<optgroup label="{rule_page.title(rule)}">{"".join(_examples(rule))}</optgroup>'
        for rule in all_rules()
    )


def _examples(rule: Rule) -> Iterator[str]:
    for example in rule.bad[:3]:
        yield f'<option value="{escape(fragment(example.code))}">{escape(example.title)}</option>'
