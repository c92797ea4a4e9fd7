"""House rules: what holds between the packages, and between the files that speak of one another."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import ipaddress
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fixtures import agent, targets, world
from fixtures.targets import Answer
from reports import __main__ as reports
from reports import bugs
from reports.common import peers, upgrade
from specs import baseline, grammar, load, networks, pages, scenarios, schema, strict, verbs
from specs.baseline import is_observation
from specs.model import Bug, Deviation, Entry, Step, Transcript
from specs.networks import TABLE
from specs.outcomes import matches
from specs.verbs import VERBS
from suites.composed import COMPOSED
from suites.selftest.house import PLATFORMS, ROOT, SCENARIOS, SELFTEST, below, cases, cases_of, clauses, profiles

PACKAGES = {"specs": {"specs"}, "fixtures": {"fixtures"}, "suites": {"suites", "specs", "fixtures"},
         "reports": {"reports", "specs"}}
TOP = {"conftest.py", "suites", "fixtures", "specs", "reports", "tox.ini", "README.md", "LICENSE"}

# What reaches an operating system or a clock: not for those who are to be pure.
IMPURE = {"socket", "select", "subprocess", "os", "time", "datetime", "random", "threading", "asyncio", "ctypes"}

# Fixtures that no scenario is given, with the reason.
UNUSED_FIXTURES: dict[str, str] = {}
# Documents that bind every platform, the nearer first.
STANDARDS = ("posix-2017", "illumos")
# What the laboratory has beside networks.
BESIDE_NETWORKS = {"failing-directory", "other-namespace"}
# Clauses that no case has to do with, with the reason.
UNTESTED: dict[str, str] = {}


# --- what there is ------------------------------------------------------------------------------------------


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that is, or is to be, under version control."""
    try:
        reported = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                  capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout: what belongs to the suite is unknown")
    return tuple(path for name in reported.stdout.split("\0") if name and (path := ROOT / name).is_file())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- packages -----------------------------------------------------------------------------------------------


def imports(path: Path) -> Iterator[str]:
    """The modules a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: an import that is relative"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_what_they_may(package: str) -> None:
    for path in below(package, "*.py"):
        others = tops(path) & (PACKAGES.keys() | {"conftest"}) - PACKAGES[package]
        assert not others, f"{name_of(path)} imports {', '.join(others)}"


def reading_results() -> str:
    """The table of README's part about results."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme[readme.index("| `matrix FILE"):].partition("\n\n")[0]


def test_top_of_reports_has_verbs_alone() -> None:
    """A module for each verb, which nothing but the command line imports; what verbs share is in a folder."""
    verbs = {path.stem for path in (ROOT / "reports").glob("*.py")} - {"__init__", "__main__"}
    rows = set(re.findall(r"^\| `([a-z]+)(?: [^`]*)?` \|", reading_results(), re.MULTILINE))
    assert verbs == reports.VERBS.keys() == rows
    assert all(verb.__doc__ and callable(verb.arguments) and callable(verb.run) for verb in reports.VERBS.values())
    for path in below("reports", "*.py"):
        imported = {name.split(".")[1] for name in imports(path) if name.startswith("reports.")}
        assert path.stem == "__main__" or not imported & verbs, name_of(path)


def test_specs_touch_no_operating_system() -> None:
    for path in below("specs", "*.py"):
        assert not tops(path) & IMPURE, name_of(path)


# Lines that a module may have: a reader sees all of its rule at once.
BUDGETS = {"conftest.py": 120, "suites/engine.py": 120, "specs/judge.py": 110}
CORE = 4829  # lines, without the fixtures; a call that is added may raise it, what only moves may not
FIXTURE = 18  # lines of fixtures/world.py for each fixture and each state, what they share included
FUNCTION = 40  # lines


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("name", BUDGETS)
def test_module_keeps_its_budget(name: str) -> None:
    assert lines_of(ROOT / name) <= BUDGETS[name]


def test_core_keeps_its_budget() -> None:
    """The core plays, judges and records; what is reached is not given up again."""
    core = [ROOT / "conftest.py", ROOT / "fixtures/targets.py", *(ROOT / "specs").glob("*.py"),
            *(ROOT / "suites").glob("*.py")]
    lines = sum(map(lines_of, core))
    assert lines <= CORE, f"{lines} lines; CORE may be raised by those of a call that is added"


def test_fixtures_are_short() -> None:
    """There are more from year to year, but each reaches its state in a few lines."""
    path = ROOT / "fixtures/world.py"
    text = path.read_text(encoding="utf-8")
    fixtures = len(re.findall(r"^@(?:fixture|state)\b", text, re.MULTILINE))
    assert lines_of(path) <= FIXTURE * fixtures, f"{lines_of(path)} lines of {fixtures} fixtures and states"


def test_functions_are_short() -> None:
    """A function is read at one glance; of one that holds others all lines count."""
    for path in below(".", "*.py"):
        if path in files():
            tree = ast.parse(path.read_text(encoding="utf-8"))
            long = [f"{name_of(path)}:{node.lineno}: {node.name}" for node in ast.walk(tree)
                    if isinstance(node, ast.FunctionDef)
                    and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION]
            assert not long, ", ".join(long)


def test_agent_needs_the_standard_library_alone() -> None:
    assert tops(ROOT / "fixtures" / "agent.py") <= sys.stdlib_module_names


def test_agent_is_written_for_the_oldest_python() -> None:
    ast.parse((ROOT / "fixtures" / "agent.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_top_level_holds_nothing_else() -> None:
    tops_ = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {name for name in tops_ if not name.startswith(".")} <= TOP


def test_no_module_sleeps() -> None:
    for path in below(".", "*.py") + sorted(SELFTEST.glob("*.py")):
        if path in files():
            slept = [
                node.lineno
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Attribute | ast.Name)
                and getattr(node, "attr", getattr(node, "id", "")) == "sleep"
            ]
            assert not slept, f"{name_of(path)}:{slept[0]}: nothing waits for a while; it waits for what it needs"


def test_no_file_names_a_place_of_this_machine() -> None:
    for path in files():
        assert str(ROOT).encode() not in path.read_bytes(), name_of(path)


# --- where scenarios and clauses are ------------------------------------------------------------------------


def home_of(clause: str) -> str:
    """The file below suites/ that holds the scenarios whose own clause it is, by its id: DOCUMENT.TOPIC[.DETAIL]."""
    document, topic = clause.split(".")[:2]
    if document == "survey":
        return f"survey/{topic}"
    if re.fullmatch("E[A-Z0-9]+", topic):  # an errno of connect(), whichever document states it
        return f"errors/{topic}"
    return f"description/{topic}" if document in ("illumos", "posix") else f"manuals/{document}/{topic}"


@pytest.mark.parametrize("path", SCENARIOS, ids=name_of)
def test_scenarios_are_where_their_clause_puts_them(path: Path) -> None:
    content = strict.read(path)
    first = {case.scenario: case.clauses[0] for case in reversed(cases_of(path))}
    for name, body in content["scenarios"].items():
        clause = body.get("clause", content.get("clause", first[name]))
        assert path == ROOT / "suites" / f"{home_of(clause)}.yaml", f"{name} is about {clause}"


def test_a_clause_is_named_after_its_first_document() -> None:
    for clause in clauses().values():
        document, *rest = clause.id.split(".")
        assert (document, len(rest) in (1, 2)) == (clause.cited[0].document.partition("-")[0], True), clause.id
        assert clause.file == f"specs/clauses/{document}.yaml", clause.id


def test_old_names_lead_to_present_ones_and_are_not_used_again() -> None:
    drawn = {one.removeprefix("suites/").replace(".py::", "::") for one in drawn_scenarios()}
    topics = {case.topic for case in cases()} | drawn
    for kind, present in (("scenarios", topics), ("clauses", set(clauses()))):
        names = upgrade.renames()[kind]
        assert not names.keys() & present
        assert set(names.values()) <= present
    for topic, names in upgrade.renames()["names"].items():
        words = {word for case in cases() if case.topic == topic for step in case.steps
                 for word in re.findall(r"[\w-]+", step.text)}
        assert (words & names.keys(), set(names.values()) - words) == (set(), set()), topic


# --- schemas and the files written by them ------------------------------------------------------------------


@pytest.mark.parametrize("path", below("specs/schema", "*.json"), ids=name_of)
def test_schemas_are_valid(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


YAML = [*((path, "scenarios") for path in SCENARIOS), *((path, "clauses") for path in below("specs/clauses", "*.yaml")),
        *((path, "platforms") for path in below("specs/platforms", "*.yaml")), (targets.FILE, "targets"),
        (peers.FILE, "peers"), (verbs.FILE, "verbs"), (networks.FILE, "networks")]


@pytest.mark.parametrize(("path", "name"), YAML, ids=[name_of(path) for path, _ in YAML])
def test_yaml_is_valid_as_an_editor_sees_it(path: Path, name: str) -> None:
    content = strict.read(path)
    errors = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
              for error in jsonschema.Draft202012Validator(grammar.schema(name)).iter_errors(content)]
    assert not errors


@pytest.mark.parametrize(("path", "name"), YAML, ids=[name_of(path) for path, _ in YAML])
def test_yaml_names_its_schema_to_editors_and_fits_the_screen(path: Path, name: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    reported = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", lines[0])
    assert reported
    assert (path.parent / reported[1]).resolve() == strict.HERE / "schema" / f"{name}.json"
    assert max(map(len, lines)) <= 140


# --- verbs --------------------------------------------------------------------------------------------------


STEPS = {name for name, verb in VERBS.items() if verb.step is not None}
REQUESTS = {name for name, verb in VERBS.items() if verb.request is not None}
# Steps that the loader makes one of several others of.
REPLACED = {name for name in STEPS - REQUESTS if not VERBS[name].of}


@pytest.mark.parametrize("path", schema.derived(), ids=name_of)
def test_what_is_derived_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == schema.derived()[path], "run: python -m specs.schema"


def test_table_of_calls_is_read_as_the_strict_reader_has_it() -> None:
    assert verbs.read(strict.read(verbs.FILE)) == VERBS


def test_rows_speak_of_what_there_is() -> None:
    types = grammar.schema("scenarios")["$defs"].keys()
    for verb in VERBS.values():
        step, takes, count = verb.step or {}, verb.takes, len(verb.words)
        assert {one.type for one in step.values()} <= types, verb.name
        assert {*verb.words, *verb.shown, *verb.needs, *verb.one_of} <= step.keys() | takes.keys(), verb.name
        assert list(verb.words) == list(takes)[:count], f"{verb.name}: in a request, words come first"
        assert not any(one.optional for one in list(takes.values())[:count]), verb.name
        assert set(verb.needed) <= REQUESTS or verb.name in REPLACED, verb.name


def test_what_no_agent_makes_is_composed() -> None:
    assert set(COMPOSED) == STEPS - REQUESTS - REPLACED


def test_agent_has_the_verbs_of_the_table() -> None:
    assert set(agent.VERBS) == REQUESTS


@pytest.mark.parametrize("verb", sorted(REQUESTS))
def test_agent_takes_the_operands_of_the_table(verb: str) -> None:
    _, *parameters = inspect.signature(agent.VERBS[verb]).parameters.values()
    subject = int(VERBS[verb].subject != "none")
    assert [(one.name.rstrip("_"), one.default) for one in parameters[subject:]] == [
        (key, one.default if one.optional else inspect.Parameter.empty)
        for key, one in (VERBS[verb].request or {}).items()]


def test_agent_in_c_has_places_for_the_operands_of_every_verb() -> None:
    places = re.search(r"PARAMETERS = ([0-9]+)", (ROOT / "fixtures" / "agent.c").read_text(encoding="utf-8"))
    assert places
    assert max(1 + len(verb.request or {}) for verb in VERBS.values()) <= int(places[1])


def test_every_verb_is_used() -> None:
    used = {step.verb for case in cases() for step in case.steps}
    assert used == STEPS - REPLACED


def test_a_call_is_one_that_the_loader_can_spell_out() -> None:
    definitions = grammar.schema("scenarios")["$defs"]
    assert set(scenarios.CALLS) == set(definitions["calls"]["anyOf"][0]["enum"])
    for verb, operands in scenarios.CALLS.values():
        assert set(operands) <= set(definitions["verbs"][verb]["properties"])


def test_fixtures_use_the_verbs_that_are_theirs() -> None:
    source = (ROOT / "fixtures" / "world.py").read_text(encoding="utf-8")
    assert all(f'"{verb}"' in source for verb in REQUESTS - STEPS - {"reset"})


# --- networks -----------------------------------------------------------------------------------------------


def test_table_of_networks_is_read_as_the_strict_reader_has_it() -> None:
    assert networks.read(strict.read(networks.FILE)) == TABLE


def test_an_address_is_of_one_network_and_for_documentation() -> None:
    ranges = [ipaddress.ip_network(one) for one in (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32",  # RFC 5737, 3849
        "233.252.0.0/24", "ff0e::db8:0:0/96", "fe80::/64")]  # RFC 6676; of the link alone
    hosts = [ipaddress.ip_address(address.partition("%")[0]) + number for network in TABLE.networks.values()
             for domain, address in network.addresses.items() for number in range(network.count(domain))]
    assert len(hosts) == len({*hosts})
    assert all(any(host in one for one in ranges) for host in hosts)


def test_networks_and_namespaces_are_those_of_fixtures() -> None:
    """Each is one that a fixture speaks to, or is played in, and fixtures and targets name no others."""
    asked: set[str] = set()

    def absent(name: str) -> str:
        asked.add(name)
        return name

    for case in cases():
        for given in case.given:
            with contextlib.suppress(world.Unsupported, world.Unresolved):
                empty = world.Environment(lambda *_: Answer("ENOSYS"), case.axes, {}, absent)
                world.give(empty, given.fixture, given.name, given.operands)
    assert asked == {*TABLE.networks, *BESIDE_NETWORKS}
    assert {"default", *world.NAMESPACES.values()} == TABLE.namespaces.keys()
    assert {network.netns for network in TABLE.networks.values()} <= TABLE.namespaces.keys()
    named = {name for entry in strict.read(targets.FILE).values() for name in entry.get("networks", ())}
    assert named <= {*TABLE.networks, *TABLE.namespaces, *BESIDE_NETWORKS}


# --- clauses, scenarios, fixtures ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", SCENARIOS, ids=name_of)
def test_scenario_file_loads(path: Path) -> None:
    assert cases_of(path)


DRAWN = below("suites", "test_*.py")


def drawn_scenarios() -> set[str]:
    """The scenarios of drawn tests, as `suites/FILE::scenario`."""
    return {f"{name_of(path)}::{node.name.removeprefix('test_').replace('_', '-')}" for path in DRAWN
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
            if "drawn" in {argument.arg for argument in node.args.args}}


def drawn_words(pattern: str) -> set[str]:
    """What the scenarios in drawn tests speak of, by a pattern with one group."""
    return set(itertools.chain.from_iterable(re.findall(pattern, path.read_text(encoding="utf-8")) for path in DRAWN))


def test_every_clause_has_a_case() -> None:
    judged = {clause for case in cases() for clause in case.clauses} | drawn_words(r"[a-z0-9-]+(?:\.[A-Za-z0-9_-]+)+")
    assert clauses().keys() - judged == UNTESTED.keys()


def test_every_fixture_is_given() -> None:
    given = {given.fixture for case in cases() for given in case.given} | drawn_words(r"{([a-z-]+): ")
    assert set(world.FIXTURES) - given == UNUSED_FIXTURES.keys()


def test_every_fixture_says_what_it_promises() -> None:
    for word, fixture in world.FIXTURES.items():
        assert re.fullmatch(r"[A-Z].*\.", (fixture.__doc__ or "").splitlines()[0]), word


def test_case_ids_are_unique() -> None:
    assert [case for case, count in Counter(case.id for case in cases()).items() if count > 1] == []


def test_node_ids_survive_a_shell_and_a_file_name() -> None:
    for case in cases():
        file, name = r"suites/([a-z]+/)+[A-Za-z0-9_-]+\.yaml", r"[a-z][a-z0-9-]*(\[[A-Za-z0-9._+=-]+\])?"
        assert re.fullmatch(f"{file}::{name}", case.id), case.id


@pytest.mark.parametrize(("start", "file"), [
    ("python\n@fixture", "fixtures/world.py"), ("yaml\nshutdown:", "specs/verbs.yaml"),
    ("python\n    @verb", "fixtures/agent.py"), ("c\nDO", "fixtures/agent.c")])
def test_examples_in_readme_are_those_of_the_tree(start: str, file: str) -> None:
    shown = re.search(f"```({re.escape(start)}.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert shown
    assert shown[1].partition("\n")[2] in (ROOT / file).read_text(encoding="utf-8")


def test_summaries_are_sentences() -> None:
    """One each: a capital first, or a C name, and one full stop, the last."""
    sentence = re.compile(r"([A-Z]|[a-z_0-9]+(\(\)|_)|lib)((?!\. [A-Z]).)*[^.]\.")
    wrong = [f"{case.file}:{case.line}: {case.summary}" for case in cases() if not sentence.fullmatch(case.summary)]
    assert wrong == []


def test_clauses_are_sentences() -> None:
    for clause in clauses().values():
        assert re.fullmatch(r"\S.*[^.]\.", clause.says), clause.id


def test_clauses_of_surveys_are_called_so() -> None:
    """A clause is one of a survey when no document is cited for it, and then alone."""
    for clause in clauses().values():
        documents = [citation.document for citation in clause.cited]
        assert (documents == ["survey"]) == clause.id.startswith("survey.") == clause.is_survey, clause.id
        assert all((citation.force == "survey") == (citation.document == "survey")
                   for citation in clause.cited), clause.id


def test_a_step_expects_something_or_is_observed() -> None:
    """What is expected of a survey is nothing, and of any other clause at least one outcome."""
    for case in cases():
        for step in case.steps:
            for check in step.checks:
                survey = clauses()[check.clause].is_survey
                assert survey == step.observe == (not check.allowed), f"{case.file}:{step.line}"


# --- platforms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
def test_profile_loads_with_what_it_inherits(platform: str) -> None:
    assert pages.profile(platform, clauses()).manuals[0] == platform


@pytest.mark.parametrize(("system", "platform"), [
    ("Linux", "linux"), ("FreeBSD", "freebsd"), ("OpenBSD", "openbsd"), ("NetBSD", "netbsd"),
    ("DragonFly", "dragonfly"), ("Darwin", "macos"), ("SunOS", "illumos"), ("Windows", "windows")])
def test_every_system_of_the_agent_has_its_page(system: str, platform: str) -> None:
    """So that native and ssh run there: their platform is what uname(3C) reports."""
    assert targets.platform_of(system) == platform
    assert pages.profile(targets.platform_of(system), clauses()).platform == platform


def test_every_deviation_matches_a_case() -> None:
    assert [line for profile in profiles() for line in pages.unmatched(profile, cases(), drawn_scenarios())] == []


def test_every_bug_is_explained() -> None:
    assert [f"{bug.file}:{bug.line}" for profile in profiles() for bug in profile.unexplained()] == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_names_of_bugs_are_unique_over_what_a_page_inherits(platform: str) -> None:
    """A name withdraws a bug, and says which one; on one page a name cannot be twice."""
    bugs = {(bug.name, bug.file) for bug in bugs_of(platform)}
    assert [name for name, count in Counter(name for name, _ in bugs).items() if count > 1] == []


def bugs_of(platform: str) -> list[Bug]:
    """The bugs of a page and of those that it inherits."""
    return list(dict.fromkeys(one.bug for one in pages.profile(platform, clauses()).deviations))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_page_declares_what_binds_it_by_no_document(platform: str) -> None:
    """Its outcome is one for the baseline; a crash alone is worth a bug whatever documents say."""
    profile = pages.profile(platform, clauses())
    wrong = [f"{entry.file}:{entry.line}: {entry.clause}" for entry in filter(profile.owns, profile.deviations)
             if clauses()[entry.clause].force(profile.manuals) == "survey"
             and [one for one in entry.outcomes if one != "conforms"] != ["crashed"]]
    assert wrong == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_withdrawal_takes_back_something(platform: str) -> None:
    """In some case, an entry that the page would inherit."""
    profile = pages.profile(platform, clauses())
    for one in (one for one in profile.withdrawn if Path(one.file).stem == platform):
        inherited = [entry for entry in profile.deviations if entry.bug.name == one.bug]
        assert any(entry.clause in case.clauses and entry.place.holds(case) and one.place.holds(case)
                   for entry, case in itertools.product(inherited, cases())), f"{one.file}:{one.line}: {one.bug}"


def test_pages_are_no_longer_than_people_read() -> None:
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in below("specs/platforms", "*")) <= 3100


# --- baselines ----------------------------------------------------------------------------------------------

BASELINES = below("specs/baselines", "*")


@pytest.mark.parametrize("path", BASELINES, ids=name_of)
def test_baseline_is_as_accept_writes_it(path: Path) -> None:
    assert (path.suffix, path.stem in PLATFORMS) == (".jsonl", True)
    found = dict(baseline.cases(path))
    assert path.read_text(encoding="utf-8") == baseline.text(path.stem, baseline.seen(path), found)
    assert baseline.seen(path), "it names no system that it was seen on"


@pytest.mark.parametrize("path", BASELINES, ids=name_of)
def test_baseline_names_cases_and_steps_that_exist(path: Path) -> None:
    """A step that it names is an observation, at least where an attempt ends as not every one does."""
    known, manuals = {case.id: case for case in cases()}, pages.profile(path.stem, clauses()).manuals
    for case_id, gave in baseline.cases(path):
        assert case_id in known
        steps = known[case_id].steps
        for number in {number for one in gave for number in one if number != "unresolved"}:
            step = steps[int(number) - 1]
            assert step.after or is_observation(known[case_id], int(number) - 1, Transcript(), clauses(), manuals), (
                f"{case_id}, step {number}")


@pytest.mark.parametrize("path", BASELINES, ids=name_of)
def test_baseline_has_nothing_that_it_inherits(path: Path) -> None:
    _, *above = pages.profile(path.stem, clauses()).manuals
    inherited = dict(case for one in reversed(above) if (file := path.with_stem(one)).exists()
                     for case in baseline.cases(file))
    assert [case for case, gave in baseline.cases(path) if inherited.get(case) == gave] == []


def test_index_of_bugs_is_current() -> None:
    """`python -m reports bugs -o reports/bugs.md` writes it."""
    assert bugs.INDEX.read_text(encoding="utf-8") == bugs.index()


# --- the status of a bug ------------------------------------------------------------------------------------


# What is no source: a page of a manual by its section, a Winsock page by the heading, a standard.
DOCUMENT = re.compile(r"\b\w+\(\d\w*\)|\w\(\), (?:Return value|Remarks)|\bPOSIX\b|\bRFC \d")


def nearest_force(entry: Deviation, manuals: Sequence[str]) -> str:
    """How strongly the document that is nearest to a platform states a clause."""
    cited = {citation.document: citation.force for citation in clauses()[entry.clause].cited}
    return next((cited[document] for document in (*manuals, *STANDARDS) if document in cited), "survey")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_status_of_a_bug_follows_from_documents(platform: str) -> None:
    """The rule is README's; which document a source names is checked, not what that document says.

    One clause that a document states is enough for a bug; with a choice there is none, but where no state is reached.
    """
    profile = pages.profile(platform, clauses())
    for bug in (one for one in bugs_of(platform) if Path(one.file).stem == platform):
        entries = [one for one in profile.deviations if one.bug == bug]
        named = bool(DOCUMENT.search(bug.source))
        stated = [one for one in entries if nearest_force(one, profile.manuals) == "shall"]
        follows = {"documented": named, "choice": named or all(one.observed == "unresolved" for one in stated),
                   "bug": named or bool(stated) or any("crashed" in one.outcomes for one in entries)}
        assert follows[bug.status], f"{bug.file}:{bug.line}: {bug.status}, stated {[one.clause for one in stated]}"


def test_no_deviation_is_what_the_clause_allows() -> None:
    """Such an entry is stale on every system: what it declares of a check conforms."""
    wrong: dict[str, str] = {}
    for profile, case in itertools.product(profiles(), cases()):
        for entry in profile.of(case):
            checks = [check for step in case.steps for check in step.checks if check.clause == entry.clause]
            if any(step.after for step in case.steps):
                continue  # which of the checks count is another matter on each system
            if any(entry.at(position) in check.allowed for position, check in enumerate(checks)):
                wrong.setdefault(f"{entry.file}:{entry.line}: {entry.clause}", case.id)
    assert not wrong


def gives(step: Step) -> bool:
    """Whether a call that succeeds gives fields."""
    if step.verb in ("fcntl", "pthread_kill"):
        return bool({"F_GETFL", "times"} & {step.operands.get("cmd"), *step.operands})
    if step.verb == "pthread_join":  # of a call that waits; connect() gives none
        return any(isinstance(one, Mapping) for check in step.checks for one in check.allowed)
    return bool(VERBS[step.verb].returns)


def test_no_deviation_is_a_success_without_what_came_back() -> None:
    """Such an entry would hold whatever data, name or value came back."""
    wrong: dict[str, str] = {}
    for profile, case in itertools.product(profiles(), cases()):
        for entry in filter(profile.owns, profile.of(case)):
            steps = [step for step in case.steps for check in step.checks if check.clause == entry.clause]
            if any(entry.at(position) == "ok" and gives(step) for position, step in enumerate(steps)):
                wrong.setdefault(f"{entry.file}:{entry.line}: {entry.clause}", case.id)
    assert not wrong


def test_every_target_has_its_platform() -> None:
    entries: Mapping[str, Any] = load.targets(targets.FILE)
    named = {name: entry["platform"] for name, entry in entries.items() if "{host}" not in entry["platform"]}
    assert set(named.values()) <= set(PLATFORMS)


def test_matching_knows_every_field_that_verbs_give_back() -> None:
    """A field that `returns` promises and no answer holds matches nothing."""
    fields = grammar.schema("scenarios")["$defs"]["fields"]["properties"]
    for verb, row in VERBS.items():
        assert set(row.returns) <= set(fields) or not row.judged, verb
        for field in row.returns if row.judged else ():
            entry = Entry("", verb, "s", "", {"ret": "ok"})
            wanted = {"enum": "chosen"}.get(next(iter(fields[field])), "x")
            assert not matches({field: wanted}, entry, Transcript([entry]))


# --- other suites -------------------------------------------------------------------------------------------


def test_every_scenario_that_a_peer_names_is_there() -> None:
    assert list(peers.unmatched()) == []


def test_scenarios_of_peers_are_those_of_the_suite() -> None:
    assert set(peers.scenarios()) == {case.topic for case in cases()}


def test_every_peer_names_its_tests_and_each_once() -> None:
    for peer in peers.peers():
        named = [(test.file, test.name) for test in peer.tests]
        assert named, peer.name
        assert len(set(named)) == len(named), peer.name
        assert all(bool(test.scenarios) != bool(test.why) for test in peer.tests), peer.name


def test_no_peer_is_named_twice() -> None:
    assert [name for name, count in Counter(peer.about for peer in peers.peers()).items() if count > 1] == []
