"""Writes the table of nats-py's names that rule 22 reads: ``python -m recorder.nats_names``.

The linter imports no NATS library, so what an installed nats-py offers is written down here:
the names of its modules, the methods of its handles, the keywords of its calls.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

TABLE = Path(__file__).parent.parent / "flake8_naq" / "nats_table.json"

_HANDLES: dict[str, type] = {
    "connection": Client,
    "jetstream": JetStreamContext,
    "kv": KeyValue,
    "subscription": Subscription,
    "push_subscription": JetStreamContext.PushSubscription,
    "pull_subscription": JetStreamContext.PullSubscription,
}


def nats_names() -> dict[str, Any]:
    """The names of the installed nats-py."""
    modules = ["nats", *(found.name for found in pkgutil.walk_packages(nats.__path__, "nats."))]
    return {
        "version": importlib.metadata.version("nats-py"),
        "modules": {name: _public(importlib.import_module(name)) for name in sorted(modules)},
        "handles": {kind: sorted(_members(handle)) for kind, handle in _HANDLES.items()},
        "keywords": {
            f"{kind}.{name}": keywords
            for kind, handle in _HANDLES.items()
            for name, method in inspect.getmembers(handle, inspect.isfunction)
            if not name.startswith("_") and (keywords := _keywords(method)) is not None
        },
    }


def as_text(names: dict[str, Any]) -> str:
    """The table as it stands in its file."""
    return json.dumps(names, indent=1) + "\n"


def _public(module: object) -> list[str]:
    return sorted(name for name in dir(module) if not name.startswith("_"))


def _members(handle: type) -> set[str]:
    made = set(inspect.getsource(handle).split("self.")[1:])
    attributes = {part.split()[0].split("=")[0].rstrip(":,)(.") for part in made if part.split()}
    return {name for name in {*dir(handle), *attributes} if name.isidentifier() and name[0] != "_"}


def _keywords(function: Callable[..., Any]) -> list[str] | None:
    """The parameters of a method, None for one that takes any keyword."""
    parameters = inspect.signature(function).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    return None if inspect.Parameter.VAR_KEYWORD in kinds else sorted({*parameters} - {"self"})


def main() -> None:
    """Write the table."""
    TABLE.write_text(as_text(nats_names()), encoding="utf-8")
    sys.stdout.write(f"wrote {TABLE}\n")


if __name__ == "__main__":
    main()
