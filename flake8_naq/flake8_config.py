"""flake8's configuration, selection and ``noqa``, read by flake8's own code.

``naq-migrate`` and flake8 agree because the same code reads the options.
"""

from __future__ import annotations

import argparse
import configparser
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from flake8.exceptions import Flake8Exception
from flake8.formatting.default import Nothing
from flake8.options.config import load_config
from flake8.options.parse_args import parse_args
from flake8.processor import FileProcessor
from flake8.style_guide import StyleGuideManager

from flake8_naq.errors import CommandError
from flake8_naq.findings import Finding
from flake8_naq.rules import all_rules
from flake8_naq.settings import OPTIONS, Settings
from flake8_naq.tiers import HIGH, LOW, MEDIUM

# flake8's own options that select files and findings.
_FLAKE8_OPTIONS = {
    "config": ("FILE", "the configuration file; others are not looked for"),
    "select": ("CODES", "codes to report, such as NAQ2 for medium priority"),
    "extend-select": ("CODES", "codes to add to those selected"),
    "ignore": ("CODES", "codes to leave out"),
    "extend-ignore": ("CODES", "codes to add to those left out"),
    "per-file-ignores": ("MAPPING", "files and the codes to leave out there"),
    "exclude": ("GLOBS", "files and folders to skip"),
    "extend-exclude": ("GLOBS", "files and folders to skip besides"),
    "filename": ("GLOBS", "names of the files to read in a folder, default *.py"),
    "stdin-display-name": ("FILE", "path of what is read from standard input"),
}
_FLAKE8_SWITCHES = {
    "isolated": "read no configuration file",
    "disable-noqa": "report what a `# noqa` comment silences, too",
}
# The plugin's own codes, and those of the baseline.
_OWN_CODES = ("NAQ001", "NAQ002")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of flake8 and of the plugin to a command, with the same meaning."""
    group = parser.add_argument_group("options of flake8", "as in its configuration file")
    for name, (metavar, text) in _FLAKE8_OPTIONS.items():
        group.add_argument(f"--{name}", metavar=metavar, help=text)
    for name, text in _FLAKE8_SWITCHES.items():
        group.add_argument(f"--{name}", action="store_true", help=text)
    group = parser.add_argument_group("options of the plugin", "as in flake8's configuration file")
    for option in OPTIONS:
        metavar = {"names": "NAMES", "globs": "GLOBS", "path": "PATH"}[option.kind]
        group.add_argument(f"--{option.name}", metavar=metavar, help=option.help)


@dataclass(frozen=True)
class Flake8:
    """flake8 with the configuration of this project.

    Attributes:
        options: The options that flake8 parsed from its files and from the command line.
        settings: The plugin's part of it.
    """

    options: argparse.Namespace
    settings: Settings

    @classmethod
    def configured(cls, arguments: argparse.Namespace) -> Self:
        """Let flake8 read its configuration.

        Args:
            arguments: What a command parsed that has `add_options`.

        Raises:
            CommandError: An option, or the configuration file, holds an unusable value.
        """
        for option in ("select", "extend_select"):
            _refuse_unknown(option, getattr(arguments, option))
        try:
            _, options = parse_args(_command_line(arguments))
            flake8 = cls(options, Settings.from_values(vars(options)))
            _ = flake8._guide  # it refuses what it cannot use
        except (ValueError, configparser.Error) as error:
            raise CommandError(f"flake8's configuration: {_one_line(error)}") from error
        except Flake8Exception as error:
            raise CommandError(_one_line(error)) from error
        return flake8

    def reported(
        self, filename: str, lines: Sequence[str], findings: Iterable[Finding]
    ) -> list[Finding]:
        """The findings that flake8 reports: selected, not ignored for this file, without ``noqa``.

        Args:
            filename: Path of the file, as flake8 would name it.
            lines: Its lines, as flake8 reads them.
            findings: What the linter finds in it.
        """
        found = list(findings)
        noqa_line = self.noqa_lines(filename, lines) if found else None
        if noqa_line is None:
            return []
        return [
            finding
            for finding in found
            if self.selects(filename, finding.code, noqa_line(finding.line))
        ]

    def noqa_lines(self, filename: str, lines: Sequence[str]) -> Callable[[int], str] | None:
        """Look up the text that flake8 searches for ``noqa``, by line number.

        Returns:
            A function from a line's number to the text, "" where there is no ``noqa``; None when
            the file as a whole is silenced.
        """
        if not any("noqa" in line.lower() for line in lines):
            return lambda number: ""  # finding a statement's lines costs a tokenizer's run
        processor = FileProcessor(filename, self.options, lines=list(lines))
        if processor.should_ignore_file():
            return None
        return lambda number: processor.noqa_line_for(number) or ""

    def selects(self, filename: str, code: str, line: str = "") -> bool:
        """Whether flake8 reports a code in a file, on a line with this text."""
        return bool(self._guide.handle_error(code, filename, 1, 0, "", line))

    @cached_property
    def _guide(self) -> StyleGuideManager:
        return StyleGuideManager(self.options, Nothing(self.options))

    def __getstate__(self) -> dict[str, object]:
        # The guide holds caches that cannot go to another process; it is made again there.
        return {"options": self.options, "settings": self.settings}


def _refuse_unknown(option: str, codes: str | None) -> None:
    """A code of another plugin, or one that was mistyped, would select nothing without a word."""
    known = [
        *_OWN_CODES,
        *(f"NAQ{tier}{rule.number}" for rule in all_rules() for tier in (HIGH, MEDIUM, LOW)),
    ]
    for code in (codes or "").replace(",", " ").split():
        if not any(name.startswith(code) for name in known):
            raise CommandError(f"--{option.replace('_', '-')} {code}: no rule has such a code")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _command_line(arguments: argparse.Namespace) -> list[str]:
    values = vars(arguments)

    def given(name: str) -> object:
        return values[name.replace("-", "_")]

    names = [*_FLAKE8_OPTIONS, *(option.name for option in OPTIONS)]
    line = [f"--{name}={given(name)}" for name in names if given(name) is not None]
    return line + [f"--{name}" for name in _FLAKE8_SWITCHES if given(name)]


def baseline_path(options: argparse.Namespace) -> Path | None:
    """Where the baseline is, None when the option is not set.

    A relative path in a configuration file counts from the folder of that file. flake8 makes a
    path absolute only when it has a slash in it, so the folder of a bare name is found here.

    Args:
        options: What flake8 parsed, `naq_baseline` and flake8's own options.
    """
    return _configured_path("baseline", options)


def rules_folder(options: argparse.Namespace) -> Path | None:
    """Where the project's own rules are, None when the option is not set.

    Args:
        options: What flake8 parsed, `naq_rules` and flake8's own options.
    """
    return _configured_path("rules", options)


def _configured_path(name: str, options: argparse.Namespace) -> Path | None:
    value: str = getattr(options, f"naq_{name}")
    if not value:
        return None
    if Path(value).is_absolute():
        return Path(value)
    written, folder = _in_file(name, options.config, options.append_config, options.isolated)
    return folder / value if written == value else Path(value).absolute()


def configured_baseline(arguments: argparse.Namespace) -> Path | None:
    """Where a command's options or the configuration want the baseline, whether it exists or not.

    Raises:
        CommandError: There is no such configuration file.
    """
    if arguments.naq_baseline:
        return Path(arguments.naq_baseline).absolute()
    written, folder = _written(arguments)
    return folder / written if written else None


def configuration_folder(arguments: argparse.Namespace) -> Path:
    """The folder of flake8's configuration file, the working directory when there is none.

    Raises:
        CommandError: There is no such configuration file.
    """
    return _written(arguments)[1]


def _written(arguments: argparse.Namespace) -> tuple[str, Path]:
    try:
        return _in_file("baseline", arguments.config, [], arguments.isolated)
    except Flake8Exception as error:
        raise CommandError(str(error)) from error


def _in_file(
    name: str, config: str | None, append_config: list[str], isolated: bool
) -> tuple[str, Path]:
    """The path that the configuration file gives for an option, and the folder it counts from."""
    configuration, folder = load_config(config, append_config, isolated=isolated)
    spellings = (f"naq-{name}", f"naq_{name}")
    values = (configuration.get("flake8", spelling, fallback="") for spelling in spellings)
    return next(filter(None, values), ""), Path(folder).absolute()
