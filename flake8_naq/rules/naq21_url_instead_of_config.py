"""Rule 21: a class that takes and keeps a URL where it could take a Config."""

import ast
from collections.abc import Iterator

from flake8_naq.lifetimes import ModuleAnalysis
from flake8_naq.names import dotted, own_nodes
from flake8_naq.names.vocabulary import NAQ_CONNECT, NAQ_MANAGERS
from flake8_naq.rules.rule import Example, Problem, Rule

PARAMETER = "nats_url"


def check(analysis: ModuleAnalysis) -> Iterator[Problem]:
    """Report the parameter of every ``__init__`` that keeps a ``nats_url``, where naq is used."""
    if not _uses_naq(analysis):
        return
    for scope in analysis.names.mentioning([PARAMETER]):
        node = scope.node
        if not isinstance(node, ast.FunctionDef) or node.name != "__init__":
            continue
        if scope.parent is None or not isinstance(scope.parent.node, ast.ClassDef):
            continue
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if argument.arg == PARAMETER and _keeps(node, PARAMETER):
                yield Problem(
                    argument,
                    f"`{scope.parent.node.name}` takes and keeps `{PARAMETER}`: "
                    "take `config: Config | None = None` and keep `config or get_config()`",
                    scope.qualname,
                )


def _uses_naq(analysis: ModuleAnalysis) -> bool:
    """Whether there is a `Config` to be had: the module imports naq, or calls its helpers."""
    helpers = NAQ_CONNECT | NAQ_MANAGERS
    return any(site.flavour == "naq" for site in analysis.sites) or any(
        origin.partition(".")[0] == "naq" or origin.rpartition(".")[2] in helpers
        for scope in analysis.names.importing()
        for origin in scope.imports.values()
    )


def _keeps(function: ast.FunctionDef, name: str) -> bool:
    """Whether a method puts its parameter on `self` as it is."""
    return any(
        isinstance(node, (ast.Assign, ast.AnnAssign))
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        and any(
            (dotted(target) or "").startswith("self.")
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
        for node in own_nodes(function)
    )


RULE = Rule(
    number="21",
    name="url-instead-of-config",
    summary="A class takes and keeps `nats_url` where it could take a `Config`.",
    why="""\
A URL holds only the server's address. A `Config` carries everything that a connection needs, and the
context managers share one connection among all users of the same one.
""",
    bad=(
        Example(
            "a constructor on a URL",
            """\
from naq.connection import nats_kv_store


class Scheduler:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def remove(self, job_id):
        async with nats_kv_store("scheduled_jobs", self.nats_url) as kv:
            await kv.delete(job_id)
""",
            {5: "21"},
            fixed="""\
from naq.config import Config, get_config
from naq.connection import nats_kv_store


class Scheduler:
    def __init__(self, config: Config | None = None):
        self.config = config or get_config()

    async def remove(self, job_id):
        async with nats_kv_store("scheduled_jobs", self.config) as kv:
            await kv.delete(job_id)
""",
            unsafe=True,
        ),
    ),
    good=(
        Example(
            "a constructor on a config",
            """\
from naq.config import Config, get_config


class Scheduler:
    def __init__(self, config: Config | None = None):
        self.config = config or get_config()
""",
        ),
        Example(
            "plain nats-py, which has no `Config`",
            """\
import nats


class Publisher:
    def __init__(self, nats_url: str):
        self.nats_url = nats_url

    async def publish(self, data):
        async with await nats.connect(self.nats_url) as nc:
            await nc.publish("events", data)
""",
        ),
    ),
    fix="unsafe",
    check=check,
)
