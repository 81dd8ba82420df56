"""The parts of the field report's page, made from the kept report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from recorder import charts
from recorder.field import labels, report
from recorder.field.projects import Project, load
from recorder.markdown import table

OUTCOMES = {
    "safe": "rewritten, safe",
    "unsafe": "rewritten with --unsafe-fixes",
    "refused": "refused",
}
_CLASSES = {"safe": "safe", "unsafe": "unsafe", "refused": "by-hand"}
"""The CSS class of each outcome, as in the charts of the phases."""

CLOSING = {
    "finally": "in finally",
    "straight": "straight path only",
    "some": "on some paths",
    "never": "never",
}

RULES = {
    "01": "connection",
    "02": "JetStream",
    "03": "bucket",
    "04": "several",
    "05": "in a loop",
}

Survey = dict[str, Any]
Site = dict[str, Any]


def surveys() -> list[tuple[Project, Survey]]:
    """Each listed state of a project with its figures."""
    made = {(one["name"], one["commit"]): one for one in report.read()["projects"]}
    return [
        (project, made[project.name, project.commit])
        for project in load()
        if (project.name, project.commit) in made
    ]


def counted() -> list[tuple[Project, Survey]]:
    """One state of each project: further branches of upstream naq count nowhere twice."""
    return [(project, survey) for project, survey in surveys() if not project.branch]


def _sites(found: Iterable[tuple[Project, Survey]]) -> Iterator[Site]:
    for _, survey in found:
        yield from survey["sites"]


def _outcomes(sites: Iterable[Site]) -> Counter[str]:
    return Counter(site["outcome"] for site in sites)


def glance() -> str:
    """The report in a few figures."""
    found = counted()
    sites = list(_sites(found))
    outcomes = _outcomes(sites)
    return charts.glance(
        {
            "public projects": str(len(found)),
            "Python files": f"{sum(survey['files'] for _, survey in found):,}",
            "of them not parsed": str(sum(survey["unreadable"] for _, survey in found)),
            "connections by hand": str(len(sites)),
            "leak on some path": str(sum(site["leak"] for site in sites)),
            "close another one": str(sum(site["wrong_close"] for site in sites)),
            **{OUTCOMES[name]: str(outcomes[name]) for name in OUTCOMES},
        }
    )


def largest() -> str:
    """The figures without the project that has most of the connections."""
    found = counted()
    if not found:
        return ""
    most, survey = max(found, key=lambda entry: len(entry[1]["sites"]))
    others = _outcomes(_sites(entry for entry in found if entry[0] != most))
    parts = ", ".join(f"{others[name]} {text}" for name, text in OUTCOMES.items())
    return (
        f"{len(survey['sites'])} of the connections by hand are in {most.name}, most of them in its tests. "
        f"Without it, {others.total()} are left: {parts}.\n"
    )


def by_closing() -> str:
    """A bar for each closing habit: its sites, by outcome."""
    return _chart(
        {
            text: [site for site in _all() if site["closing"] == name]
            for name, text in CLOSING.items()
        },
        "Hand-managed connections by the way in which they are closed, and what the codemod makes of them.",
    )


def by_shape() -> str:
    """A bar for each rule: its sites, by outcome."""
    return _chart(
        {
            f"{rule} {name}": [site for site in _all() if site["rule"] == rule]
            for rule, name in RULES.items()
        },
        "The same connections by the rule under which they fall.",
    )


def _all() -> list[Site]:
    return list(_sites(counted()))


def _chart(groups: dict[str, list[Site]], caption: str) -> str:
    groups = {name: sites for name, sites in groups.items() if sites}
    longest = max(map(len, groups.values()), default=1)
    names = {_CLASSES[outcome]: text for outcome, text in OUTCOMES.items()}
    rows = []
    for name, sites in groups.items():
        outcomes = _outcomes(sites)
        parts = {_CLASSES[outcome]: outcomes[outcome] for outcome in OUTCOMES}
        drawn = charts.stacked(name, parts, names, len(sites) / longest)
        rows.append(f'<div class="row"><span>{name}</span><span>{len(sites)}</span>{drawn}</div>\n')
    return charts.figure(names, rows, caption)


def projects() -> str:
    """Every project with its commit, its licence and its figures."""
    head = ["Project", "Commit", "Licence", "By hand", "Managed", "Elsewhere"]
    head += ["Leaks", "Wrong closes", "Safe", "Unsafe", "Refused", "CPU, s"]
    rows = [_row(project, survey) for project, survey in surveys()]
    return table(head, rows, numbers=len(head) - 3)


def _row(project: Project, survey: Survey) -> list[str]:
    sites, outcomes = survey["sites"], _outcomes(survey["sites"])
    branch = f" (`{project.branch}`)" if project.branch else ""
    figures = [
        len(sites),
        survey["managed"],
        survey["elsewhere"],
        sum(site["leak"] for site in sites),
        sum(site["wrong_close"] for site in sites),
        *(outcomes[name] for name in OUTCOMES),
    ]
    return [
        f"[{project.name}]({project.url}){branch}",
        f"[`{project.commit[:7]}`]({project.url}/tree/{project.commit})",
        project.licence,
        *(str(figure or "") for figure in figures),
        f"{sum(survey['seconds'].values()):.1f}",
    ]


def refusals() -> str:
    """The refused sites by reason, each with a link to its line."""
    return _by_reason("refused")


def unsafe_reasons() -> str:
    """The reasons that make a rewrite unsafe, with a link to the line of each site."""
    return _by_reason("unsafe")


def _by_reason(outcome: str) -> str:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for project, survey in counted():
        for site in survey["sites"]:
            if site["outcome"] == outcome:
                for reason in site["why"]:
                    places[reason].append(_place(project, site["path"], site["line"]))
    ordered = sorted(places.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return "\n".join(_details(reason, links) for reason, links in ordered)


def _details(title: str, links: list[str]) -> str:
    listed = "\n".join(f"    - {link}" for link in links)
    return f'??? note "{title} ({len(links)})"\n\n{listed}\n'


def _place(project: Project, path: str, line: int) -> str:
    return f"[{project.name}: {path}:{line}]({project.link_to(path, line)})"


def recall() -> str:
    """The sites that a person found by reading, and whether the linter found them."""
    by_name = {project.name: (project, survey) for project, survey in counted()}
    read = [label for label in labels.load() if label.name in by_name]
    missed = [label for label in read if not _found(label, by_name[label.name][1])]
    rows = []
    for place in labels.OPENED_IN:
        group = [label for label in read if label.opened_in == place]
        misses = sum(label in missed for label in group)
        rows.append([place, str(len(group)), str(len(group) - misses), str(misses)])
    rows.append(["**all**", *(f"**{sum(int(row[at]) for row in rows)}**" for at in (1, 2, 3))])
    head = ["The call that opens it is in", "Read", "Found", "Missed"]
    links = [
        _place(by_name[label.name][0], label.path, label.line) + f", rule {label.rule}"
        for label in missed
    ]
    return f"{table(head, rows, numbers=3)}\n{_details('missed', links) if links else ''}"


def _found(label: labels.Label, survey: Survey) -> bool:
    return any((site["path"], site["line"]) == (label.path, label.line) for site in survey["sites"])


def suites() -> str:
    """Whether the projects' own tests pass after the fix."""
    kept = report.read()["suites"]
    if not kept:
        return ""
    rows = [
        [
            f"[{one['project']}](https://github.com/{one['project']}): {one['suite']}",
            f"`{one['commit'][:7]}`",
            one["licence"],
            *(_tests(one["tests"][state]) for state in ("before", "safe", "unsafe")),
            _differing(one),
        ]
        for one in kept
    ]
    head = ["Project", "Commit", "Licence", "Before", "Safe fixes", "Unsafe fixes"]
    return table([*head, "Tests that differ"], rows)


def _differing(suite: dict[str, Any]) -> str:
    alone = f": {suite['differ_alone']}" if suite.get("differ_alone") else ""
    return f"{suite.get('differ', 0)}{alone}"


def _tests(outcome: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in outcome.items() if count)


def made() -> str:
    """When the report was made, and with which versions."""
    document = report.read()["made"]
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    return f"Made on {document['on']} with {versions}.\n{{ .made }}\n"


PARTS = {
    "field-glance": glance,
    "field-largest": largest,
    "field-closing": by_closing,
    "field-shapes": by_shape,
    "field-projects": projects,
    "field-refusals": refusals,
    "field-unsafe": unsafe_reasons,
    "field-recall": recall,
    "field-suites": suites,
    "field-made": made,
}
"""Parts that the page requests with ``<!-- made: NAME -->``."""
