"""Reads the rule files: rules of ast-grep with metadata about their matches."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

import yaml

from flake8_naq.errors import CommandError
from flake8_naq.migrate.match.declared_helpers import (
    BUCKET,
    CLOSING_METHODS,
    DeclaredHelper,
    DeclaredHelpers,
    Gives,
    Role,
)
from flake8_naq.settings import Settings

BUILT_IN = Path(__file__).parent.parent / "rules"

_ROLES: tuple[Role, ...] = get_args(Role)
_KEYS = frozenset({*_ROLES, "origin", "becomes", "import", "own-connection", "closed-by", "gives"})


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file of rules.

    Attributes:
        text: The rules for ast-grep.
        helpers: The helpers that the metadata of its rules declare.
    """

    text: str
    helpers: tuple[DeclaredHelper, ...]


class _RuleError(ValueError):
    """Metadata that cannot be used, in one line."""


@cache
def built_in() -> tuple[RuleFile, ...]:
    """The rules for nats-py and naq."""
    return tuple(read_rules(BUILT_IN))


def helpers_of(rules: Iterable[RuleFile]) -> DeclaredHelpers:
    """All declared helpers, in the order in which their rules are read."""
    return DeclaredHelpers(helper for file in rules for helper in file.helpers)


def read_rules(folder: Path) -> Iterator[RuleFile]:
    """The rule files of a folder and those below it, in the order of their names.

    Files without a rule, such as ast-grep's own tests and configuration, are skipped.

    Raises:
        CommandError: A file cannot be read, or holds a rule that cannot be used.
    """
    if not folder.is_dir():
        raise CommandError(f"--naq-rules: {folder}: no such folder")
    found = False
    for path in sorted((*folder.rglob("*.yml"), *folder.rglob("*.yaml"))):
        try:
            text = path.read_text(encoding="utf-8")
            documents = [item for item in yaml.safe_load_all(text) if _is_rule(item)]
            helpers = tuple(helper for item in documents for helper in _helpers(item))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, _RuleError) as error:
            raise CommandError(f"{path}: {' '.join(str(error).split())}") from error
        if documents:
            found = True
            yield RuleFile(text, helpers)
    if not found:
        raise CommandError(f"--naq-rules: {folder}: no ast-grep rule in it")


def seen_by_linter(settings: Settings, rules: Iterable[RuleFile]) -> Settings:
    """The settings with the helpers that a project's rules declare."""
    found: dict[Role, list[str]] = {role: [] for role in _ROLES}
    managers: list[str] = []
    for file in rules:
        for helper in file.helpers:
            found[helper.role] += helper.origins
            home = helper.module or helper.origins[0].rpartition(".")[0]
            managers += [f"{home}.{helper.manager(gives)}" for gives in helper.becomes]
    return replace(
        settings,
        connect_functions=(*settings.connect_functions, *found["opens"]),
        jetstream_functions=(*settings.jetstream_functions, *found["derives"]),
        close_functions=(*settings.close_functions, *found["closes"]),
        context_managers=(*settings.context_managers, *managers),
    )


def _is_rule(document: object) -> bool:
    return isinstance(document, dict) and "id" in document and "rule" in document


def _helpers(rule: Mapping[str, Any]) -> Iterator[DeclaredHelper]:
    """The helper that a rule's metadata declares; None for a rule without a role."""
    metadata = rule.get("metadata") or {}
    name = str(rule["id"])
    roles = [role for role in _ROLES if role in metadata]
    if not roles:
        return
    unknown = sorted(set(metadata) - _KEYS)
    if unknown:
        raise _RuleError(f"rule `{name}`: `metadata` has no key `{unknown[0]}`")
    if len(roles) > 1:
        raise _RuleError(f"rule `{name}`: `{roles[0]}` and `{roles[1]}` go into a rule each")
    origins = _strings(name, metadata, "origin")
    if not origins:
        raise _RuleError(f"rule `{name}`: `origin` is missing: the function's dotted name")
    function, signature = _signature(name, roles[0], metadata[roles[0]])
    if any(origin.rpartition(".")[2] != function for origin in origins):
        raise _RuleError(f"rule `{name}`: `{roles[0]}` and `origin` name two functions")
    if metadata.get("gives") not in (None, "client"):
        raise _RuleError(f"rule `{name}`: `gives` can only be `client`")
    yield DeclaredHelper(
        name,
        origins,
        roles[0],
        signature,
        _becomes(name, metadata.get("becomes") or {}, signature),
        _string(name, metadata, "import"),
        _string(name, metadata, "own-connection"),
        frozenset(_closed_by(name, metadata)),
        metadata.get("gives") == "client",
    )


def _string(rule: str, metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key, "")
    if not isinstance(value, str):
        raise _RuleError(f"rule `{rule}`: `{key}` is not a text")
    return value


def _strings(rule: str, metadata: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = metadata.get(key) or []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise _RuleError(f"rule `{rule}`: `{key}` is neither a text nor a list of texts")
    return tuple(values)


def _closed_by(rule: str, metadata: Mapping[str, Any]) -> Iterator[str]:
    for way in _strings(rule, metadata, "closed-by"):
        if "." not in way and way not in CLOSING_METHODS:
            raise _RuleError(
                f"rule `{rule}`: `closed-by` takes `close`, `drain` and dotted names, not `{way}`"
            )
        yield way


def _signature(rule: str, role: str, text: object) -> tuple[str, inspect.Signature]:
    """The name and the parameters of a text such as ``open_bus(url, timeout=5)``."""
    try:
        (function,) = ast.parse(f"def {text}: ...").body
    except (SyntaxError, ValueError):
        function = None
    if not isinstance(function, ast.FunctionDef):
        raise _RuleError(
            f"rule `{rule}`: `{role}` is not a signature such as `open(url, timeout=5)`"
        )
    arguments = function.args
    if arguments.vararg or arguments.kwarg:
        raise _RuleError(f"rule `{rule}`: `{role}` lists its parameters one by one, without a star")
    empty = inspect.Parameter.empty
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += arguments.defaults
    parameters = [
        inspect.Parameter(
            argument.arg,
            inspect.Parameter.POSITIONAL_ONLY
            if argument in arguments.posonlyargs
            else inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=empty if default is None else _default(default),
        )
        for argument, default in zip(positional, defaults, strict=True)
    ]
    parameters += [
        inspect.Parameter(
            argument.arg,
            inspect.Parameter.KEYWORD_ONLY,
            default=empty if default is None else _default(default),
        )
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return function.name, inspect.Signature(parameters)


def _default(value: ast.expr) -> object:
    return ... if isinstance(value, ast.Constant) and value.value is ... else value


def _becomes(rule: str, value: object, signature: inspect.Signature) -> dict[Gives, ast.Call]:
    """The calls of the context managers, by what they yield."""
    texts = {"connection": value} if isinstance(value, str) else value
    if not isinstance(texts, dict):
        raise _RuleError(f"rule `{rule}`: `becomes` is neither a call nor a call for each use")
    calls: dict[Gives, ast.Call] = {}
    for gives, text in texts.items():
        if gives not in get_args(Gives):
            known = ", ".join(f"`{name}`" for name in get_args(Gives))
            raise _RuleError(f"rule `{rule}`: `becomes` has {known}, not `{gives}`")
        calls[cast("Gives", gives)] = _template(rule, gives, text, signature)
    if calls and "connection" not in calls:
        raise _RuleError(f"rule `{rule}`: `becomes` needs a `connection`")
    return calls


def _template(rule: str, gives: str, text: object, signature: inspect.Signature) -> ast.Call:
    try:
        call = ast.parse(str(text), mode="eval").body
    except (SyntaxError, ValueError):
        call = None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise _RuleError(f"rule `{rule}`: `becomes` is a call such as `session(url)`, not `{text}`")
    if any(word.arg is None for word in call.keywords):
        raise _RuleError(f"rule `{rule}`: `becomes` lists its arguments one by one, without a star")
    known = {*signature.parameters, *([BUCKET] if gives == BUCKET else [])}
    for value in (*call.args, *(word.value for word in call.keywords)):
        if isinstance(value, ast.Constant):
            continue
        if not isinstance(value, ast.Name):
            raise _RuleError(
                f"rule `{rule}`: `becomes` is given parameters and constants, "
                f"not `{ast.unparse(value)}`"
            )
        if value.id not in known:
            raise _RuleError(
                f"rule `{rule}`: `becomes` names `{value.id}`, which is no parameter of `opens`"
            )
    return call
