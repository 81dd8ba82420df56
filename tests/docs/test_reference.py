"""The reference names all that there is."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import naq
import naq.connection
from flake8_naq.settings import OPTIONS
from naq.cli.commands import PLACES
from naq.config import Config
from recorder.phases import ROOT
from recorder.reference import commands, configuration

API = ROOT / "docs" / "naq" / "api"


def test_every_public_name_of_naq_stands_on_one_page() -> None:
    listed = Counter(
        name
        for page in API.glob("*.md")
        for name in re.findall(r"^::: naq\.(\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        if name in naq.__all__
    )
    elsewhere = {*naq.connection.__all__, "Config", "configure", "get_config", "NaqError"}
    assert set(listed) == set(naq.__all__) - elsewhere
    assert set(listed.values()) == {1}


def test_every_setting_is_described() -> None:
    text = configuration.settings()
    assert [f.name for f in dataclasses.fields(Config) if f"`{f.name}`" not in text] == []


def test_every_option_of_the_linter_is_described() -> None:
    text = configuration.options()
    assert [option.name for option in OPTIONS if f"`{option.name}`" not in text] == []


def test_every_command_of_naq_migrate_has_its_help() -> None:
    text = commands.naq_migrate()
    assert re.findall(r"^## ([\w-]+)", text, re.MULTILINE) == re.findall(
        r'title="naq-migrate ([\w-]+) --help"', text
    )
    assert {"fix", "inventory", "baseline", "add-noqa", "history", "explain"} <= set(
        re.findall(r"^## ([\w-]+)", text, re.MULTILINE)
    )


def test_every_command_of_naq_has_its_section() -> None:
    text = commands.naq()
    assert set(re.findall(r"^## `naq ([\w-]+)`", text, re.MULTILINE)) == PLACES.keys()
