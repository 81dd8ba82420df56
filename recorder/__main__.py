"""``python -m recorder``: makes the parts of the site that come from running commands."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import track

from recorder import benchmarks, demo, history_chart, publish, record, sessions, terminal
from recorder.field import report, survey
from recorder.field.projects import PROJECTS
from recorder.field.projects import load as load_projects
from recorder.phases import ROOT, all_phases, load
from recorder.playground import build as playground


def _record(arguments: argparse.Namespace, console: Console) -> int:
    phases = [load(name) for name in arguments.phases] or all_phases()
    made = [
        record.make(phase, timed=arguments.time)
        for phase in track(phases, "recording", console=console, transient=True)
    ]
    console.print(record.replays_text(sum(one.replays for one in made)), highlight=False)
    stale = [path for one in made for path in one.stale]
    for path in stale:
        console.print(f"rewritten: {path.relative_to(ROOT)}", highlight=False, soft_wrap=True)
    if stale and not arguments.time:
        console.print("The record was stale. Review the changes and commit them.")
        return 1
    return 0


def _sessions(arguments: argparse.Namespace, console: Console) -> int:
    stale = {page: text for page, text in _played() if text != _written(page)}
    for page, text in stale.items():
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, encoding="utf-8")
        console.print(f"rewritten: {page.relative_to(ROOT)}", highlight=False, soft_wrap=True)
    return 1 if stale else 0


def _written(page: Path) -> str:
    return page.read_text(encoding="utf-8") if page.exists() else ""


def _played() -> Iterator[tuple[Path, str]]:
    for page in track(sessions.pages(), "playing", transient=True):
        yield page, sessions.play(page)
    yield terminal.PICTURE, terminal.draw()
    yield history_chart.PICTURE, history_chart.draw()


def _benchmarks(arguments: argparse.Namespace, console: Console) -> int:
    failed = 0
    for benchmark in benchmarks.BENCHMARKS:
        if arguments.benchmarks and benchmark.name not in arguments.benchmarks:
            continue
        try:
            with console.status(f"measuring: {benchmark.title}"):
                benchmarks.measure(benchmark)
        except benchmarks.BenchmarkError as error:
            console.print(str(error), highlight=False, markup=False, soft_wrap=True)
            failed = 1
        else:
            console.print(f"made: {benchmark.results.relative_to(ROOT)}", highlight=False)
    return failed


def _field(arguments: argparse.Namespace, console: Console) -> int:
    listed = load_projects(arguments.projects)
    chosen = [project for project in listed if not arguments.only or project.name in arguments.only]
    suites = report.read_suites(arguments.suites)
    report.write(listed, {}, suites)
    for project in track(chosen, "surveying", console=console, transient=True):
        made = survey.survey(project, survey.clone_of(project, arguments.clones))
        report.write(listed, {project: made}, suites)
    console.print(f"made: {report.FIELD.relative_to(ROOT)}", highlight=False)
    return 0


def _demo(arguments: argparse.Namespace, console: Console) -> int:
    return 0 if demo.run(load(arguments.phase), console) else 1


def _playground(arguments: argparse.Namespace, console: Console) -> int:
    try:
        with console.status("building the playground"):
            folder = playground.build()
    except playground.BuildError as error:
        console.print(str(error), highlight=False, markup=False, soft_wrap=True)
        return 1
    console.print(f"made: {folder.relative_to(ROOT)}", highlight=False, soft_wrap=True)
    return 0


def _publish(arguments: argparse.Namespace, console: Console) -> int:
    try:
        with console.status("publishing"):
            version = publish.publish()
    except publish.PublishError as error:
        console.print(str(error), highlight=False, markup=False, soft_wrap=True)
        return 1
    console.print(f"committed to the branch gh-pages: {version}", highlight=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    names = [phase.name for phase in all_phases()]
    parser = argparse.ArgumentParser(prog="python -m recorder", description=__doc__)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser(
        "record", help="make the records of phases again; exits with 1 if one was stale"
    )
    make.add_argument("phases", nargs="*", metavar="PHASE", help="by default all")
    make.add_argument("--time", action="store_true", help="also time 1,000 calls again")
    make.set_defaults(run=_record)
    play = commands.add_parser(
        "sessions",
        help="write the output of their commands into the site's pages; exits with 1 if any differed",
    )
    play.set_defaults(run=_sessions)
    time = commands.add_parser(
        "benchmarks", help="run benchmarks and keep their results; 1 if one gave none"
    )
    time.add_argument(
        "benchmarks",
        nargs="*",
        metavar="BENCHMARK",
        help=f"of {', '.join(one.name for one in benchmarks.BENCHMARKS)}; by default all",
    )
    time.set_defaults(run=_benchmarks)
    built = commands.add_parser(
        "playground", help="build the parts of the playground's page; needs npm"
    )
    built.set_defaults(run=_playground)
    field = commands.add_parser(
        "field", help="run linter and codemod over public projects, and keep the figures"
    )
    field.add_argument(
        "clones",
        nargs="+",
        type=Path,
        metavar="CLONES_FOLDER",
        help="a folder that holds clones as OWNER/REPOSITORY",
    )
    field.add_argument(
        "--projects",
        type=Path,
        default=PROJECTS,
        metavar="FILE",
        help="the list of projects and commits; by default that of the site",
    )
    field.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="OWNER/REPOSITORY",
        help="survey these; the figures of the others stay as they are",
    )
    field.add_argument(
        "--suites",
        type=Path,
        metavar="FILE",
        help="JSON with the outcome of the projects' own tests; by default those kept already",
    )
    field.set_defaults(run=_field)
    published = commands.add_parser(
        "publish", help="commit this version of the site to the branch gh-pages"
    )
    published.set_defaults(run=_publish)
    show = commands.add_parser("demo", help="one phase from finding to measured effect")
    show.add_argument("phase", nargs="?", default="scheduler", choices=names)
    show.set_defaults(run=_demo)
    return parser


def main() -> int:
    """Run the command line; return the exit code."""
    arguments = _parser().parse_args()
    logging.disable()  # scenarios fail on purpose and record their errors
    status: int = arguments.run(arguments, Console())
    return status


if __name__ == "__main__":
    sys.exit(main())
