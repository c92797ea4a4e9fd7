"""Every departure, declared or not, by platform, the most serious first, with its calls beside the native ones."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import groupby

from reports.common import issue
from reports.common.aggregate import Clauses
from reports.common.finding import NATIVE, Finding, findings, named, outcome, transcripts
from reports.common.markdown import code, plain, table
from reports.common.options import add_files, add_output, opened
from reports.common.results import Results, gather, plural
from reports.common.wording import again, citations
from specs import load
from specs.words import spell_allowed


def arguments(parser: ArgumentParser) -> None:
    add_files(parser, "result files")
    parser.add_argument("--bug", metavar="NAME", help="one finding alone, as a report for the maintainers of the "
                        "system: the name of a declared bug, or the clause of an undeclared one")
    parser.add_argument("--target", metavar="T", help="the findings of one target")
    parser.add_argument("--format", choices=issue.FORMATS, default="markdown",
                        help="of --bug: for an issue tracker, or plain text for a mailing list")
    add_output(parser, "a file")


def run(options: Namespace) -> None:
    results, clauses = gather(options.files, options.merge), load.clauses()
    if options.bug is not None:
        one = named(results, options.bug, options.target)
        text = issue.FORMATS[options.format](issue.blocks(one, results, clauses))
    else:
        text = "".join(f"{line}\n" for line in report(results, clauses, options.target))
    with opened(options.output) as out:
        out.write(text)


# --- As Markdown --------------------------------------------------------------------------------------------


def report(results: Results, clauses: Clauses, target: str | None = None) -> Iterator[str]:
    """A chapter for each platform, a section for each finding."""
    yield "# Findings"
    yield ""
    yield "Written by `python -m reports findings`; not to be edited."
    for note in results.notes:
        yield f"\n> **{plain(note)}**"
    every = findings(results, target)
    native = {one.name: set(one.cases) for one in every if one.column.name == NATIVE}
    for platform, members in groupby(every, key=lambda one: one.platform):
        found = list(members)
        own = [one for one in found if one.column.name == NATIVE
               or not native.get(one.name, set()).issuperset(one.cases)]
        undeclared = sum(one.declared is None for one in own)
        yield f"\n## {plain(platform)}\n"
        yield from (f"- {plain(column.title)}" for column in results.columns if column.target.platform == platform)
        yield f"- {plural(len(own), 'finding')}, {undeclared} of them undeclared"
        if len(own) < len(found):
            yield f"- and {len(found) - len(own)} that {NATIVE} has too, in the same cases"
        for one in own:
            yield from section(one, results, clauses)


def section(one: Finding, results: Results, clauses: Clauses) -> Iterator[str]:
    clause, expects = clauses.get(one.clause), spell_allowed(one.step.allowed(one.clause))
    yield f"\n### {one.kind}: {plain(one.name)}\n"
    yield f"- {plain(one.clause)}: {plain(f'{clause.says} {citations(clause)}' if clause else 'not in specs')}"
    yield f"- seen: {plain(f'{one.step.text} = {outcome(one.step, one.example)}, expected {expects}')}"
    if one.declared:
        yield f"- because: {plain(one.declared.because)} ({one.declared.status})"
        yield f"- source: {plain(one.declared.source)}"
        yield from ([f"- reported: {plain(one.declared.reported)}"] if one.declared.reported else [])
    else:
        yield "- **undeclared**"
    if len(one.clauses) > 1:
        yield f"- clauses: {plain(', '.join(one.clauses))}"
    command = again(one.example.id, one.example.target, one.column.target.file)
    yield f"- in {plural(len(one.cases), 'case')}; again: {code(command)}\n"
    yield from (line.rstrip("\n") for line in table(transcripts(one, results)))
