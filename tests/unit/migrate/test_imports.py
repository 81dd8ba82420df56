"""Imports after a rewrite: what is needed comes, what nobody uses any more goes."""

import pytest

from flake8_naq.migrate.fixer import Options, fix_text

BODY = """

async def ping(url):
    nc = await get_nats_connection(url)
    try:
        await nc.flush()
    finally:
        await close_nats_connection(nc)
"""


def imports_after(imports: str, *, body: str = BODY, filename: str = "module.py") -> str:
    text = fix_text(imports + body, filename, Options()).text
    assert "async with nats_connection(url) as nc:" in text, text
    return text.partition("\n\n\n")[0] + "\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from naq.connection import close_nats_connection, get_nats_connection\n",
            "from naq.connection import nats_connection\n",
        ),
        (
            "from ..connection import ServerError, close_nats_connection, get_nats_connection, zone\n"
            "\nprint(ServerError, zone)\n",
            "from ..connection import ServerError, nats_connection, zone\n\nprint(ServerError, zone)\n",
        ),
        (
            "from .connection import (\n    close_nats_connection,  # the end\n"
            "    get_nats_connection,\n    zone,  # used below\n)\n\nprint(zone)\n",
            "from .connection import (\n    # the end\n    nats_connection,\n"
            "    zone,  # used below\n)\n\nprint(zone)\n",
        ),
        (
            "from naq.connection import close_nats_connection\n"
            "from naq.connection import get_nats_connection\n",
            "from naq.connection import nats_connection\n",
        ),
    ],
    ids=["one line", "sorted among others", "comments among the names", "two statements"],
)
def test_the_manager_takes_the_place_of_the_helpers(before: str, after: str) -> None:
    assert imports_after(before) == after


def test_a_helper_that_is_still_used_stays() -> None:
    used = BODY + "\n\nasync def later(nc):\n    await close_nats_connection(nc)\n"
    assert (
        imports_after(
            "from naq.connection import close_nats_connection, get_nats_connection\n", body=used
        )
        == "from naq.connection import close_nats_connection, nats_connection\n"
    )


def test_a_name_in_a_string_is_no_use_of_an_import() -> None:
    body = BODY.replace("nc.flush()", 'nc.publish("a", b"close_nats_connection")')
    assert (
        imports_after(
            "from naq.connection import close_nats_connection, get_nats_connection\n", body=body
        )
        == "from naq.connection import nats_connection\n"
    )


@pytest.mark.parametrize("used_in", ["module", "function"])
def test_an_import_inside_the_function_goes_while_others_of_the_same_name_stay(
    used_in: str,
) -> None:
    line = "from naq.connection import close_nats_connection, get_nats_connection\n"
    inner = f"        {line}" if used_in == "function" else ""
    other = (
        f"\n\nclass Keeper:\n    async def open(self, url):\n{inner}"
        "        self.nc = await get_nats_connection(url)\n"
        "        await close_nats_connection(self.nc)\n"
    )
    module = line if used_in == "module" else ""
    ours = BODY.replace("(url):\n", f"(url):\n    {line}")
    text = fix_text(module + ours + other, "module.py", Options()).text
    assert text == (
        module + "\n\nasync def ping(url):\n    from naq.connection import nats_connection\n"
        "    async with nats_connection(url) as nc:\n        await nc.flush()\n" + other
    )


def test_what_all_names_stays() -> None:
    imports = (
        "from naq.connection import close_nats_connection, get_nats_connection\n\n"
        '__all__ = ["get_nats_connection"]\n'
    )
    assert imports_after(imports).startswith(
        "from naq.connection import get_nats_connection, nats_connection\n"
    )


def test_what_a_package_imports_stays_for_others() -> None:
    imports = "from naq.connection import close_nats_connection, get_nats_connection\n"
    assert imports_after(imports, filename="pkg/__init__.py") == (
        "from naq.connection import close_nats_connection, get_nats_connection, nats_connection\n"
    )


def test_a_manager_that_is_imported_already_is_not_imported_again() -> None:
    imports = (
        "from naq.connection import close_nats_connection, get_nats_connection, nats_connection\n"
    )
    assert imports_after(imports) == "from naq.connection import nats_connection\n"


def test_an_import_inside_the_function_is_mended_there() -> None:
    text = fix_text(
        """\
async def ping(url):
    from naq.connection import close_nats_connection, get_nats_connection

    nc = await get_nats_connection(url)
    try:
        await nc.flush()
    finally:
        await close_nats_connection(nc)
""",
        "module.py",
        Options(),
    ).text
    assert (
        text
        == """\
async def ping(url):
    from naq.connection import nats_connection

    async with nats_connection(url) as nc:
        await nc.flush()
"""
    )


def test_a_name_that_is_imported_several_times_goes_everywhere() -> None:
    imports = "from naq.connection import close_nats_connection, get_nats_connection\n"
    assert imports_after(imports + imports) == "from naq.connection import nats_connection\n"


def test_a_name_that_means_something_else_here_is_refused() -> None:
    text = (
        "from naq.connection import close_nats_connection, get_nats_connection\n\n\n"
        "def nats_connection():\n    pass\n" + BODY
    )
    result = fix_text(text, "module.py", Options())
    assert result.text == text
    assert [str(report.message) for report in result.reports] == [
        "`nats_connection` means something else in this file"
    ]
