"""One run of the codemod over many files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from flake8_naq.files.documents import Document, document, read_bytes
from flake8_naq.files.source_text import Source, SourceError
from flake8_naq.migrate.deep_stack import deeply
from flake8_naq.migrate.fixer import Options, Result, fix_text
from flake8_naq.migrate.match.ast_grep import (
    Search,
    matching,
    needles,
    rules_for,
    suspicious,
    unreadable_for_ast_grep,
)
from flake8_naq.migrate.outcome import FileOutcome
from flake8_naq.migrate.url_to_config.fixes import fix_constructors
from flake8_naq.modules import NESTED
from flake8_naq.names.project import reaches_nats
from flake8_naq.paths import STDIN

# Starting a process costs more than a few files do.
_WORTH_A_PROCESS = 16


def candidates(
    paths: Iterable[str], explicit: frozenset[str], options: Options, search: Search = matching
) -> tuple[list[str], list[FileOutcome]]:
    """The files worth parsing, and the files that cannot be read.

    Args:
        paths: All files of the run.
        explicit: The files that the user named. They are checked even when ast-grep finds nothing.
        options: What to do.
        search: Runs ast-grep.
    """
    sought = needles(options.settings, options.helpers)
    for_ast_grep: list[str] = []
    others: list[str] = []
    failures: list[FileOutcome] = []
    for path in paths:
        try:
            content = read_bytes(path)
            if path in explicit:
                deeply(partial(Source, document(path, content).text))
        except SourceError as error:
            failures.append(FileOutcome(path, error=str(error)))
            continue
        except RecursionError:
            failures.append(FileOutcome(path, error=NESTED))
            continue
        fits = suspicious(content, sought) and not unreadable_for_ast_grep(content)
        (for_ast_grep if fits else others).append(path)
    matched = search(for_ast_grep, rules_for(options.rules, options.settings))
    # ast-grep misses files in odd encodings and helpers of other files.
    unmatched = [path for path in for_ast_grep if path not in matched]
    wanted = {*matched, *(path for path in (*others, *unmatched) if _may_concern(path, options))}
    return [path for path in (*others, *for_ast_grep) if path in wanted], failures


def _may_concern(path: str, options: Options) -> bool:
    """Whether the linter would look into a file in which ast-grep finds nothing."""
    try:
        content = read_bytes(path)
        if unreadable_for_ast_grep(content):
            return suspicious(content, needles(options.settings, options.helpers))
        text = document(path, content).text
        return deeply(partial(reaches_nats, text, path, options.settings))
    except (SourceError, RecursionError):
        return False


def fix_file(path: str, options: Options) -> FileOutcome:
    """Fix one file, without writing it."""
    try:
        return deeply(partial(_fix_connections, document(path, read_bytes(path)), options))
    except SourceError as error:
        return FileOutcome(path, error=str(error))
    except RecursionError:
        return FileOutcome(path, error=NESTED)


def fix_stdin(name: str, options: Options) -> FileOutcome:
    """Fix a module from standard input, without writing it.

    Args:
        name: Its name in reports.
        options: What to do.
    """
    try:
        return deeply(partial(fix_document, document(name, read_bytes(STDIN)), options))
    except SourceError as error:
        return FileOutcome(name, error=str(error))
    except RecursionError:
        return FileOutcome(name, error=NESTED)


def fix_document(read: Document, options: Options) -> FileOutcome:
    """Fix one module by itself, without writing it.

    Raises:
        SourceError: It is not Python.
    """
    outcome = _fix_connections(read, options)
    return next(fix_constructors([outcome], options)) if options.unsafe else outcome


def _fix_connections(read: Document, options: Options) -> FileOutcome:
    result: Result = fix_text(read.text, read.path, options)
    return FileOutcome(read.path, read, result.text, result.rewritten, result.reports)


def fix_files(
    paths: Sequence[str], options: Options, jobs: int, given: Sequence[str] = ()
) -> Iterator[FileOutcome]:
    """Fix many files in their order, without writing them.

    Without unsafe fixes, each file leaves memory once it is yielded. With unsafe fixes, the files
    that rule 21 concerns stay in memory until the end.

    Args:
        paths: The files to fix.
        options: What to do.
        jobs: How many processes to use.
        given: All files of the run. They may call a class that changes.
    """
    outcomes = _fixed(paths, options, jobs)
    if not options.unsafe:
        yield from outcomes
        return
    yield from fix_constructors(outcomes, options, given)


def _fixed(paths: Sequence[str], options: Options, jobs: int) -> Iterator[FileOutcome]:
    if jobs < 2 or len(paths) < _WORTH_A_PROCESS:
        for path in paths:
            yield fix_file(path, options)
        return
    # Not every machine that runs Python has processes: a browser has none.
    from flake8_naq.processes import map_in_processes

    yield from map_in_processes(partial(fix_file, options=options), paths, jobs)
