"""The proposal to open one connection where several functions of a class each open their own."""

from __future__ import annotations

from flake8_naq.files.documents import document
from flake8_naq.migrate.batch import fix_document
from flake8_naq.migrate.fixer import Options
from flake8_naq.migrate.proposal import Proposals

METHOD = """
    async def {name}(self):
        nc = await nats.connect(self.url)
        try:
            await nc.publish("orders", b"")
        finally:
            await nc.close()
"""


def proposed(text: str) -> list[str]:
    proposals = Proposals()
    proposals.add(fix_document(document("orders.py", text.encode()), Options()))
    return list(proposals.lines())


def methods(*names: str) -> str:
    return "import nats\n\nclass Orders:" + "".join(METHOD.format(name=name) for name in names)


def test_a_class_whose_methods_each_open_a_connection_is_named() -> None:
    assert proposed(methods("place", "cancel")) == [
        "orders.py: `Orders` opens a connection in each of 2 methods: open one where the program "
        "starts, and pass it on"
    ]


def test_one_method_may_open_its_own() -> None:
    assert proposed(methods("place")) == []


def test_tests_open_their_own_on_purpose() -> None:
    assert proposed(methods("test_place", "test_cancel")) == []


def test_leases_of_naq_share_a_connection_already() -> None:
    text = methods("place", "cancel").replace("import nats", "from naq.connection import *")
    text = text.replace("import *", "import close_nats_connection, get_nats_connection")
    text = text.replace("nats.connect(", "get_nats_connection(").replace(
        "nc.close(", "close_nats_connection(nc"
    )
    assert proposed(text) == []


def test_functions_of_a_module_may_be_commands_that_run_alone() -> None:
    function = METHOD.replace("\n    ", "\n").replace("self.url", "url").replace("(self)", "(url)")
    text = "import nats\n" + function.format(name="place") + function.format(name="cancel")
    assert proposed(text) == []
