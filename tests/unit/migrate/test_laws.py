"""Laws that hold of every rewrite, over generated functions."""

import ast
import io
import tokenize
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flake8_naq.files.documents import document
from flake8_naq.migrate.batch import fix_document
from flake8_naq.migrate.fixer import Options, fix_text

HELPED = """\
import nats
from naq.connection import close_nats_connection, get_jetstream_context, get_nats_connection
"""

# Pieces of a body; a tab stands for one level of indentation.
PIECES = [
    "await nc.publish('a', b'1')",
    "await nc.publish('b', b'''one\n  two\n\tthree\n''')",
    "x = f'''{url!r}\n        deep'''",
    "# a comment of its own",
    "y = 1  # a comment beside",
    "if url:\n\tawait nc.flush()\n\t# inside\nelse:\n\tz = '''\nat the margin'''",
    "for i in range(3):\n\n\tawait nc.publish('c', b'2')\n\tif i:\n\t\tcontinue",
    "total = sum([\n\t1,  # one\n\t2,\n])",
    "try:\n\tawait nc.flush()\nexcept ValueError:\n\tpass",
    "long = 'abc' \\\n\t'def'",
    "match url:\n\tcase 'x':\n\t\tawait nc.flush()\n\tcase _:\n\t\tpass",
    "async def inner(message):\n\t'''Doc\n\tstring.'''\n\tprint(message)",
    "names = [name async for name in source()]",
    "",
    "raise KeyError('k')",
]
FORMS = {
    "finally": "nc = await OPEN(url)GAP\ntry:\nBODY\nfinally:\n\tCLOSE",
    "guarded": "nc = None\ntry:\n\tnc = await OPEN(url)\nBODY\nfinally:\n\tif nc is not None:\n\t\tCLOSE",
    "handled": "nc = None\ntry:\n\tnc = await OPEN(url)\nBODY\nexcept KeyError as e:\n\tprint('no', e)\n"
    "finally:\n\tif nc:\n\t\tCLOSE",
    "handled inside": "nc = await OPEN(url)\ntry:\nBODY\nexcept KeyError:\n\traise\nfinally:\n\tCLOSE",
    "straight": "nc = await OPEN(url)\nSTRAIGHT\nCLOSE",
    "commented": "# open\nnc = await OPEN(url)  # opened\n# then\ntry:  # guarded\nBODY\n# before\nfinally:  # always\n"
    "\t# close\n\tCLOSE  # closed",
}
FLAVOURS = [
    ("get_nats_connection", "await close_nats_connection(nc)"),
    ("get_nats_connection", "await nc.close()"),
    ("nats.connect", "await nc.close()"),
    ("nats.connect", "await nc.drain()"),
]


def indent(text: str, levels: int) -> str:
    """Indent code, leaving alone lines that start inside a string."""
    inside: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING:
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
    return "\n".join(
        line if number in inside or not line.strip() else "\t" * levels + line
        for number, line in enumerate(text.split("\n"), 1)
    )


@st.composite
def modules(draw: st.DrawFn) -> str:
    unit = draw(st.sampled_from(["    ", "  ", "\t"]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    functions = []
    for number in range(draw(st.integers(1, 3))):
        opening, closing = draw(st.sampled_from(FLAVOURS))
        form = FORMS[draw(st.sampled_from(sorted(FORMS)))]
        pieces = ["await nc.flush()", *draw(st.lists(st.sampled_from(PIECES), max_size=4))]
        if "raise" not in pieces[-1]:
            pieces.append(
                draw(st.sampled_from(["return 1", "done = True"]))
                if "STRAIGHT" not in form
                else "done = True"
            )
        pieces = [piece for piece in pieces if "STRAIGHT" not in form or "raise" not in piece]
        body = "\n".join(pieces)
        code = (
            form.replace("GAP", draw(st.sampled_from(["", "\n", "\n# between"])))
            .replace("BODY", indent(body, 1))
            .replace("STRAIGHT", body)
            .replace("OPEN", opening)
            .replace("CLOSE", closing)
        )
        levels = draw(st.integers(1, 2))
        wrapper = f"async def f{number}(url):\n"
        if levels == 2:
            wrapper += "\twith open('x'):\n"
        functions.append(wrapper + indent(code, levels))
    text = HELPED + "\n\n" + "\n\n\n".join(functions) + draw(st.sampled_from(["", "\n"]))
    # Tabs stood for levels, but for those that are content of a string.
    lines = []
    for line in text.split("\n"):
        bare = line.lstrip("\t")
        keep = "three" in line
        lines.append(line if keep else unit * (len(line) - len(bare)) + bare)
    return newline.join(lines)


@st.composite
def several(draw: st.DrawFn) -> str:
    """A function with two connections to one URL, the one inside the other or below it."""
    unit = draw(st.sampled_from(["    ", "  ", "\t"]))
    opening, closing = draw(st.sampled_from(FLAVOURS[:3]))
    names = draw(st.sampled_from([("nc", "nc2"), ("nc", "nc")]))
    parts = []
    for name in names:
        pieces = draw(st.lists(st.sampled_from(PIECES[:-3]), max_size=3))
        form = FORMS[draw(st.sampled_from(["finally", "straight", "commented", "handled inside"]))]
        body = "\n".join(["await nc.flush()", *pieces])
        code = (
            form.replace("GAP", "")
            .replace("BODY", indent(body, 1))
            .replace("STRAIGHT", body)
            .replace("OPEN", opening)
            .replace("CLOSE", closing)
        )
        parts.append(
            code.replace("nc.", f"{name}.")
            .replace("nc =", f"{name} =")
            .replace("(nc)", f"({name})")
        )
    outer, inner = parts
    marker = f"await {names[0]}.flush()"
    if names[0] != names[1] and draw(st.booleans()):
        line = next(line for line in outer.split("\n") if line.strip() == marker)
        levels = len(line) - len(line.lstrip("\t"))
        code = outer.replace(line, f"{line}\n{indent(inner, levels)}", 1)
    else:
        between = draw(st.sampled_from(["", "between = 1", "# between", "await pause()"]))
        code = f"{outer}\n{between}\n{inner}"
    lines = []
    for line in f"{HELPED}\n\nasync def f(url):\n{indent(code, 1)}\n".split("\n"):
        bare = line.lstrip("\t")
        lines.append(line if "three" in line else unit * (len(line) - len(bare)) + bare)
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


def constants(text: str) -> Counter[str]:
    return Counter(
        repr(node.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, (str, bytes, int))
        and not isinstance(node.value, bool)
    )


def comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(modules())
def test_whatever_the_function_nothing_is_lost_and_a_second_run_is_idle(text: str) -> None:
    result = fix_text(text, "module.py", Options())
    ast.parse(result.text)
    assert constants(result.text) == constants(text)
    assert comments(result.text) == comments(text)
    assert fix_text(result.text, "module.py", Options()).text == result.text
    ends = {line[len(line.rstrip("\r\n")) :] for line in text.splitlines(keepends=True)} - {""}
    new = {line[len(line.rstrip("\r\n")) :] for line in result.text.splitlines(keepends=True)} - {
        ""
    }
    assert new <= ends
    assert result.text.endswith("\n") == text.endswith("\n")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(several())
def test_nothing_is_lost_where_connections_are_joined(text: str) -> None:
    result = fix_text(text, "module.py", Options(unsafe=True))
    assert [str(report.message) for report in result.reports if report.kind == "left"] == []
    assert constants(result.text) == constants(text)
    assert comments(result.text) == comments(text)
    assert "await pause()" in text or result.text.count("async with") == 1
    assert fix_text(result.text, "module.py", Options(unsafe=True)).text == result.text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(modules())
def test_every_one_of_these_shapes_is_rewritten(text: str) -> None:
    result = fix_text(text, "module.py", Options())
    refused = [str(report.message) for report in result.reports if report.kind == "left"]
    assert len(result.rewritten) + len(refused) == text.count("async def f")
    # A drain under handlers would show its errors to them: that one is left on purpose.
    assert [reason for reason in refused if "drain" not in reason] == []


@pytest.mark.parametrize(
    "head", [b"\xef\xbb\xbf", b"# -*- coding: latin-1 -*-\n# \xe9\xe8\n", b"#!/usr/bin/python\n"]
)
def test_encoding_and_byte_order_mark_stay(head: bytes) -> None:
    body = b"import nats\n\n\nasync def f():\n    nc = await nats.connect()\n    await nc.flush()\n    await nc.close()\n"
    outcome = fix_document(document("module.py", head + body), Options())
    assert outcome.document is not None
    assert outcome.changed
    assert outcome.document.codec.encode(outcome.text).startswith(head + b"import nats")
