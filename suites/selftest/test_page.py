"""The HTML page in a browser: what a reader sees, where each address leads, and that nothing comes from outside."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from reports.common import wording
from specs import load
from suites.selftest.test_reports import HOSTILE, hostile, three_targets
from suites.selftest.written import Json, Report, Write, header, result

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run")
CASE = "suites/errors/EISCONN.yaml::twice[inet6]"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    # of Playwright's event loop, which ends with the browser
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield made
        made.close()


Open = Callable[..., Page]


@pytest.fixture
def show(browser: Browser, report: Report, tmp_path: Path) -> Iterator[Open]:
    """Writes the page of result files and opens it. It loads nothing but itself, and its script has no error."""
    contexts, loaded, wrong = [], [], []

    def show_(*arguments: str | Path, address: str = "", size: tuple[int, int] = (1400, 900),
              scheme: Any = "light") -> Page:
        file = tmp_path / "page.html"
        report("matrix", *arguments, "--format", "html", "-o", file)
        contexts.append(browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("request", lambda request: loaded.append(request.url.partition("#")[0]))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.goto(file.as_uri() + address)
        page.wait_for_selector("html[data-ready]")
        return page

    yield show_
    for context in contexts:
        context.close()
    assert set(loaded) == {(tmp_path / "page.html").as_uri()}
    assert wrong == []


@pytest.fixture
def few(four_clauses: None, write: Write) -> Path:
    return three_targets(write)


def cells(page: Page, row: str) -> list[tuple[str, str | None]]:
    """Text and verdict of each cell of a row."""
    line = page.locator("#matrix tr", has=page.locator("th", has_text=re.compile(f"{re.escape(row)}§?$")))
    return [(one.inner_text(), one.evaluate("cell => cell.firstChild?.dataset.verdict"))
            for one in line.locator("td").all()]


def shown(page: Page) -> str:
    return page.locator("#shown").inner_text()


def has_address(page: Page, expected: str) -> bool:
    """Whether the address becomes this: the page writes it when it has drawn what it is of."""
    page.wait_for_function("expected => location.hash.slice(1) === expected", arg=expected)
    return True


# --- the table ----------------------------------------------------------------------------------------------


def test_table_shows_what_each_target_returned(few: Path, show: Open) -> None:
    page = show(few)
    assert page.locator("#matrix thead th").all_inner_texts()[0] == "cases that conform"
    assert cells(page, "EISCONN") == [("✓", "conforms"), ("EINVAL", "deviates"), ("✗ EBADF", "fails")]
    assert cells(page, "EACCES") == [("✓", "conforms"), ("", None), ("·", "unsupported")]
    share = page.get_by_title("lwip: fails in 1 of 2 cases: EBADF")
    assert share.evaluate("cell => cell.style.getPropertyValue('--share')") == "50%"


def test_conforming_errno_that_is_not_the_rows_is_shown(four_clauses: None, write: Write, show: Open) -> None:
    made = result("a", ret="ECONNREFUSED", clause="illumos.EACCES")
    made["steps"][2]["expect"] = ["EACCES", "ECONNREFUSED"]
    assert cells(show(write(made)), "EACCES") == [("ECONNREFUSED", "conforms")]


def test_rows_are_the_errors_then_topics_then_documents(write: Write, show: Open) -> None:
    clauses = ["survey.device", "linux.landlock", "illumos.bind.kept", "illumos.EINTR.goes-on", "posix.ENETDOWN",
               "illumos.ENOENT.prefix", "illumos.EACCES", "illumos.EINTR", "illumos.bind.chosen", "plan9.EGONE"]
    page = show(write(*(result(f"c{at}", "recorded", clause=clause) for at, clause in enumerate(clauses))))
    assert [text.strip("▸▾§\n ") for text in page.locator("#matrix tbody th").all_inner_texts()] == [
        "EACCES", "EINTR", "ENOENT.prefix", "bind", "POSIX.1-2017", "Linux", "survey", "plan9"]


def test_row_opens_to_scenarios_and_variants_by_keys_too(few: Path, show: Open) -> None:
    page = show(few, address="#departing=gvisor&hide=native")
    assert shown(page) == "1 of 2 clauses, 2 of 3 cases"
    names = page.locator("#matrix tbody th .name")
    assert names.all_inner_texts() == ["▾EISCONN", "▾twice", "inet", "inet6"]  # so few are open
    page.locator("#matrix .name", has_text="EISCONN").first.click()
    assert names.all_inner_texts() == ["▸EISCONN"]
    page.keyboard.press("Enter")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.title") == "gvisor: deviates in 1 of 1 case: EINVAL"
    page.keyboard.press("Enter")
    expect(page.locator("dialog h2")).to_have_text("suites/errors/EISCONN.yaml::twice[inet]")


@pytest.mark.parametrize(("filters", "expected"), [
    ("text=links", "1 of 2 clauses, 1 of 3 cases"), ("text=SEARCHED+twice", "0 of 2 clauses, 0 of 3 cases"),
    ("text=inet6]", "1 of 2 clauses, 1 of 3 cases"), ("errno=EBADF", "1 of 2 clauses, 1 of 3 cases"),
    ("verdict=fails", "1 of 2 clauses, 1 of 3 cases"),
    ("verdict=deviates&departing=lwip", "0 of 2 clauses, 0 of 3 cases"),
    ("departing=lwip", "1 of 2 clauses, 1 of 3 cases"), ("alone=1", "1 of 2 clauses, 1 of 3 cases"),
    ("disagree=1", "1 of 2 clauses, 2 of 3 cases"), ("topic=errors", "2 of 2 clauses, 3 of 3 cases"),
    ("topic=survey", "2 of 2 clauses, 3 of 3 cases")])
def test_filters_are_in_the_address(few: Path, show: Open, filters: str, expected: str) -> None:
    page = show(few, address=f"#{filters}")
    assert shown(page) == expected
    assert page.get_by_text("No case passes").is_visible() == expected.startswith("0")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#shown")).to_have_text("2 of 2 clauses, 3 of 3 cases")
    assert has_address(page, "")
    page.get_by_placeholder("case, call").fill("links")
    assert has_address(page, "text=links")


def test_columns_are_chosen_and_sorted(few: Path, show: Open) -> None:
    page = show(few, address="#sort=conforms")
    heads = page.locator("#matrix thead th button")
    assert heads.all_inner_texts() == ["native", "lwip", "gvisor"]
    page.locator("#shown-columns").click()
    page.get_by_label("lwip", exact=True).uncheck()
    assert has_address(page, "sort=conforms&hide=lwip")
    assert heads.all_inner_texts() == ["native", "gvisor"]
    page.get_by_label("order").select_option("name")
    assert heads.all_inner_texts() == ["gvisor", "native"]


# --- views --------------------------------------------------------------------------------------------------


def test_case_marks_the_target_that_was_clicked(few: Path, show: Open) -> None:
    page = show(few)
    page.get_by_title("lwip: fails in 1 of 2 cases: EBADF").click()
    assert page.locator("dialog h2").inner_text() == CASE
    assert page.locator("dialog th.chosen").all_inner_texts() == ["▸ lwip"]
    assert page.locator("dialog tr:not(.of-fixture) td.chosen").all_inner_texts() == ["0", "-1 EBADF ✗ fails"]
    assert page.locator("dialog code").all_inner_texts()[0] == wording.again(CASE, "lwip")
    assert has_address(page, "case=suites%2Ferrors%2FEISCONN.yaml%3A%3Atwice%5Binet6%5D&on=lwip")
    page.go_back()
    expect(page.locator("dialog")).to_be_hidden()


def test_command_names_the_targets_file_and_the_test_of_a_drawn_case(four_clauses: None, write: Write,
                                                                      show: Open) -> None:
    drawn = "suites/walks/test_arguments.py::namelen-too-short[inet-namelen3]"
    head = header(mine="1")
    head["targets"]["mine"]["file"] = "my targets.yaml"
    file = write(result("a", "fails", "ok", "mine"), result("b", "fails", "ok", "mine") | {"case": drawn}, head=head)
    for case in (result("a")["case"], drawn):
        page = show(file, address=f"#case={quote(case, safe='')}&on=mine")
        command = page.locator("dialog code").all_inner_texts()[0]
        assert command == wording.again(case, "mine", "my targets.yaml")


@pytest.mark.parametrize(("case", "file"), [
    ("suites/errors/EISCONN.yaml::a", ""), ("suites/errors/EISCONN.yaml::a[inet]", "it's mine.yaml"),
    ("suites/walks/test_arguments.py::any-order[0-1]", "mine.yaml")])
def test_command_is_that_of_every_report(four_clauses: None, write: Write, show: Open, case: str, file: str) -> None:
    head = header(native="1")
    head["targets"]["native"]["file"] = file
    page = show(write(result("a") | {"case": case}, head=head), address=f"#case={case}")
    assert page.locator("dialog code").all_inner_texts() == [wording.again(case, "native", file)]


def test_reproducer_has_the_calls_of_the_target_that_was_clicked(four_clauses: None, write: Write, show: Open) -> None:
    def played(case: str, target: str, ret: str) -> Json:
        made = result(case, "conforms" if ret == "EISCONN" else "fails", ret, target)
        made["steps"] = made["steps"][1:]
        made["steps"][0] |= {"request": "socket client AF_INET SOCK_STREAM"}
        return made

    file = write(*(played(case, target, ret) for case in ("a[inet]", "a[inet6]")
                   for target, ret in (("native", "EISCONN"), ("gvisor", "EBADF"), ("lwip", "EIO"))),
                 head=header(native="1", gvisor="2", lwip="3"))
    page = show(file, address="#case=suites/errors/EISCONN.yaml::a[inet6]&on=lwip")
    page.locator("dialog summary").click()
    expect(page.locator("dialog pre")).to_contain_text("lwip (linux): Linux 3 x86_64, glibc-2.36: fails")
    expect(page.locator("dialog .program p").first).to_have_text(
        "Of suites/errors/EISCONN.yaml::a[inet], which differs in its variant only.")
    page.get_by_role("button", name="Copy").click()
    text = page.locator("dialog pre").inner_text().strip()
    assert "EIO" in text == page.evaluate("getSelection().toString()").strip()
    page.evaluate("location.hash = 'case=suites/errors/EISCONN.yaml::a[inet]&on=native'")
    expect(page.locator("dialog th.chosen")).to_have_text("▸ native")
    page.locator("dialog summary").click()
    expect(page.locator("dialog .program code")).to_contain_text("python -m reports reproduce")


@pytest.mark.parametrize(("view", "title", "text"), [
    ("clause=illumos.EISCONN", "illumos.EISCONN", "A connected stream socket fails with EISCONN."),
    ("target=gvisor", "gvisor", "0% of the judged cases conform."),
    (f"case={CASE}", CASE, "A second connect fails."),
    (f"case={CASE}&on=wine", CASE, "wine has not played this case."),
    ("bug=linux/illumos.EISCONN, EBADF", "linux/illumos.EISCONN, EBADF", "wrong errno"),
    ("clause=illumos.ENONE", "Unknown clause", "illumos.ENONE"), ("target=<b>", "Unknown target", "<b>"),
    ("case=suites/x", "Unknown case", "suites/x"), ("bug=linux/none", "Unknown bug", "linux/none")])
def test_everything_has_an_address(few: Path, show: Open, view: str, title: str, text: str) -> None:
    page = show(few, address=f"#{view}")
    expect(page.locator("dialog h2")).to_have_text(title)
    expect(page.locator("dialog")).to_contain_text(text)
    page.keyboard.press("Escape")
    assert has_address(page, "")


def test_bug_shows_its_calls_beside_the_native_ones(four_clauses: None, write: Write, show: Open) -> None:
    declared = {"clause": "illumos.EISCONN", "observed": "EINVAL", "status": "bug", "because": "it always did",
                "source": "a page", "bug": "forgets", "reported": "https://example.org/7"}
    head = header(native="1", gvisor="2", lwip="3")
    head["targets"]["gvisor"]["platform"] = "gvisor"
    file = write(result("a"), result("a", "deviates", "EINVAL", "gvisor", platform="gvisor", deviations=[declared]),
                 result("a", "fails", "EIO", "lwip", platform="lwip"), head=head)
    page = show(file, address="#case=suites/errors/EISCONN.yaml::a&on=gvisor")
    page.locator("dialog").get_by_role("link", name="gvisor/forgets").click()
    expect(page.locator("dialog h2")).to_have_text("gvisor/forgets")
    assert page.locator("dialog .calls th").all_inner_texts() == ["#", "call", "expected", "native", "▸ gvisor"]
    assert page.locator("dialog .facts").inner_text().split("\n") == [
        "kind", "wrong errno", "status", "bug", "because", "it always did", "source", "a page", "reported",
        "https://example.org/7", "seen on", "gvisor"]
    assert f"python -m reports findings {file} --bug forgets --target gvisor" in page.locator("dialog").inner_text()
    assert page.get_by_role("link", name="https://example.org/7").get_attribute("href") == "https://example.org/7"
    assert page.get_by_role("link", name="illumos, connect(3SOCKET) ERRORS").get_attribute("href") == (
        "https://illumos.org/man/3SOCKET/connect")


@pytest.mark.parametrize(("repository", "href"), [
    ("https://example.org/c/", "https://example.org/c/blob/0123456789ab/suites/errors/EISCONN.yaml#L0"),
    ("javascript:alert(1)", None), ("", None)])
def test_scenario_is_linked_where_its_repository_is_known(few: Path, show: Open, repository: str,
                                                          href: str | None) -> None:
    page = show(few, "--repository", repository, address=f"#case={CASE}")
    line = page.locator("dialog p", has_text="A second connect fails.")
    expect(line).to_contain_text("suites/errors/EISCONN.yaml:0")
    assert [one.get_attribute("href") for one in line.locator("a").all()] == ([href] if href else [])


def test_earlier_runs_show_what_is_new(four_clauses: None, write: Write, show: Open) -> None:
    def ran(name: str, month: int, second: str, *added: Json) -> Path:
        played = result("b", "conforms" if second == "EISCONN" else "fails", second)
        return write(result("a"), played, *added, name=name,
                     head=header(native="6.1") | {"started": f"2026-{month:02}-01T10:00:00+00:00"})

    elsewhere = header(native="6.1") | {"started": "2026-02-09T10:00:00+00:00"}
    elsewhere["targets"]["native"]["platform"] = "netbsd"
    older = [ran("one.jsonl", 1, "EIO"), ran("two.jsonl", 2, "EISCONN"), write(name="torn.jsonl", torn=True),
             write(result("a", platform="netbsd"), name="netbsd.jsonl", head=elsewhere)]
    page = show(ran("new.jsonl", 3, "EBADF", result("c")), *(part for file in older for part in ("--since", file)))
    assert page.locator("#matrix thead small").all_inner_texts() == ["67%", "new"]
    row = page.locator("#targets tbody tr")
    assert row.locator("td").all_inner_texts()[-1] == "1 regressed"
    assert row.get_by_role("img", name="conforming: 50.0%, 100.0%, 66.7%").count() == 1
    page.get_by_label("new").check()
    assert shown(page) == "1 of 1 clauses, 1 of 3 cases"
    row.get_by_role("link").click()
    assert "regressed since the last run: 1 case" in page.locator("dialog").inner_text()


# --- what it must withstand ---------------------------------------------------------------------------------


def test_hostile_text_is_text(four_clauses: None, write: Write, show: Open) -> None:
    page = show(hostile(write), three_targets(write))
    page.locator("#matrix tr", has_text="<img").locator("button[data-verdict=fails]").first.click()
    expect(page.locator("dialog")).to_contain_text("<img src=x onerror=alert(1)>")
    page.locator("dialog dt").get_by_role("link").last.click()
    expect(page.locator("dialog h2")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0
    assert page.evaluate("quoted(\"it's; rm -rf ~\")") == """'it'"'"'s; rm -rf ~'"""
    assert HOSTILE not in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", f"case={CASE}&on=lwip", "clause=illumos.EISCONN", "target=gvisor",
                                  "bug=linux/illumos.EISCONN, EBADF"])
def test_axe_finds_no_barrier(few: Path, show: Open, view: str, scheme: str) -> None:
    page = show(few, "--since", few, address=f"#{view}", scheme=scheme)
    page.wait_for_selector("dialog[open]" if view else "#bugs details")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


NAMES = [f"target-{number}" for number in range(17)]


def of_every_clause(write: Write) -> Path:
    """Each clause on 17 targets, with departures of many kinds."""
    draw = random.Random(1)
    made = []
    for clause in load.clauses():
        for name in NAMES:
            ret = draw.choice(["EISCONN"] * 6 + ["ok", "EINVAL", "ECONNREFUSED", "EADDRNOTAVAIL"])
            made.append(result(clause, "conforms" if ret == "EISCONN" else "fails", ret, name, clause))
    return write(*made, head=header(**dict.fromkeys(NAMES, "6.18.44")))


def test_table_of_17_targets_is_on_one_screen(write: Write, show: Open) -> None:
    page = show(of_every_clause(write))
    box = page.locator("#matrix").bounding_box()
    assert box
    assert box["x"] + box["width"] <= 1400
    assert box["y"] + box["height"] <= 900
    assert 38 <= page.locator("#matrix tbody").count() <= 44


@pytest.mark.parametrize("width", [1400, 1050])
def test_filters_and_header_stay_in_view(write: Write, show: Open, width: int) -> None:
    """Though the filters need two lines on the narrower screen."""
    page = show(of_every_clause(write), "--all", size=(width, 900))
    page.evaluate("scrollTo(0, 1500)")
    filters, head = page.locator("#filters").bounding_box(), page.locator("#matrix thead th").first.bounding_box()
    assert filters
    assert head
    assert filters["y"] == 0
    assert head["y"] == pytest.approx(filters["height"], abs=1)


def test_phone_scrolls_the_table_and_not_the_page(write: Write, show: Open) -> None:
    page = show(of_every_clause(write), size=(390, 844))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#scroller").evaluate("one => one.scrollTo(600, 300)")
    name = page.locator("#matrix tbody th").nth(20).bounding_box()
    head = page.locator("#matrix thead th").nth(12).bounding_box()
    scroller = page.locator("#scroller").bounding_box()
    assert name
    assert head
    assert scroller
    assert name["x"] == pytest.approx(scroller["x"], abs=1)  # names and header stay
    assert head["y"] == pytest.approx(scroller["y"], abs=1)


def test_page_is_small_and_inflates_what_is_opened(four_clauses: None, write: Write, show: Open,
                                                   tmp_path: Path) -> None:
    """3 MB for the 66,000 results of 17 targets are 45 bytes each, calls and programs included."""
    draw, made = random.Random(1), []
    for number in range(500):
        rets = [draw.choice(["EISCONN"] * 20 + ["ok", "EINVAL", "EIO"]) for _ in range(3)]
        for at, name in enumerate(NAMES):
            ret = rets[at % 3]
            one = result(f"s{number // 10}[v{number % 10}]", "conforms" if ret == "EISCONN" else "fails", ret, name,
                         seconds=draw.random())
            one["steps"] *= 3
            for step in one["steps"][::3]:
                step |= {"text": f"connect filler inet:127.0.0.1:{draw.randrange(1024, 65536)}"}
            made.append(one)
    page = show(write(*made, head=header(**dict.fromkeys(NAMES, "6.18.44"))))
    assert (tmp_path / "page.html").stat().st_size < 45 * len(made)
    assert page.evaluate("[...inflated.keys()]") == ["index"]
    assert page.locator("#matrix button").count() < 1000
    page.locator("#matrix td button").first.click()
    expect(page.locator("dialog .calls")).to_be_visible()
    assert page.evaluate("[...inflated.keys()]") == ["index", "0"]
