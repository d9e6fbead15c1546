"""The page of other libraries has a row for each class of tests, and no fault of this package."""

import re

from tests.ecosystem.page import ENVIRONMENTS, PAGE, PARTNERS, read_verdicts, render, render_row

ECOSYSTEM = PAGE.parents[2] / "tests" / "ecosystem"


def read_rows():
    """The cells of both tables, by library."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {cells[0]: cells[1:] for cells in rows if cells[0] != "library"}


def test_every_class_of_tests_has_a_row():
    classes = {
        f"{path.name}::{name}"
        for path in ECOSYSTEM.glob("test_*.py")
        for name in re.findall(r"^class (Test\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert classes == {partner.tests for partner in PARTNERS}
    assert {partner.environment for partner in PARTNERS} == set(ENVIRONMENTS)
    assert set(read_rows()) == {partner.title for partner in PARTNERS}


def test_no_row_has_a_fault_of_this_package():
    for title, cells in read_rows().items():
        assert re.search("fails|not run", " ".join(cells[2:-1])) is None, title


REPORT = """<testsuites><testsuite>
<testcase name="test_grid"/>
<testcase name="test_racing"><failure message="AssertionError"/></testcase>
<testcase name="test_two_jobs"><error message="fixture"/></testcase>
<testcase name="test_copies"><skipped message="GridSearchCV fails too: ValueError: no. More."/></testcase>
<testcase name="test_code"><properties><property name="verdict" value="refuses: A lambda."/></properties></testcase>
<testcase name="test_html"><skipped message="could not import"/></testcase>
<testcase name="test_weights"><skipped message="GridSearchCV fails too: ValueError: no."/></testcase>
<testcase name="test_groups"/>
</testsuite></testsuites>"""


def test_a_report_of_pytest_becomes_a_row_and_reasons(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    found = {"versions": ["1.0", "1.9.1"], "verdicts": read_verdicts(path)}

    row = render_row(PARTNERS[0], found)

    expected = ["works", "fails", "fails", "as there", "refuses", "–", "not run", "1 as there, 1 works"]
    assert row.split(" | ")[3:11] == expected
    assert f"- {PARTNERS[0].title}, as there: `ValueError: no`\n" in render({PARTNERS[0].title: found})
