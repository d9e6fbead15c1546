"""Figures that the pages quote are figures of the benchmarks' result files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"
README = ROOT / "README.md"
RESULTS = re.compile(r"\]\(\.\./\.\./benchmarks/results/(\w+)\.md\)")
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:,\d{3})*(?:\.\d+)?")


def numbers_of(text):
    return [number.replace(",", "") for number in NUMBER.findall(text)]


def is_among(number, figures):
    """Whether one of the figures is this number when it is rounded to as many digits."""
    digits = len(number.partition(".")[2])
    return any(abs(float(figure) - float(number)) <= 0.5 * 10**-digits + 1e-12 for figure in figures)


def sections():
    parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [pytest.param(part, id=part.splitlines()[0]) for part in parts if "|---" in part]


@pytest.mark.parametrize("section", sections())
def test_the_figures_of_a_table_are_those_of_the_result_page_that_it_links(section):
    pages = RESULTS.findall(section)
    assert pages, "a section with a table links the page that has its figures"
    there = numbers_of(" ".join((ROOT / "benchmarks" / "results" / f"{page}.md").read_text("utf-8") for page in pages))
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]

    assert rows
    for row in rows:
        cells = " ".join(row.strip("|").split("|")[1:])  # the first cell is a name
        assert [number for number in numbers_of(cells) if not is_among(number, there)] == [], row


def test_the_figures_of_the_readme_are_those_of_the_page_on_benchmarks():
    here = numbers_of(PAGE.read_text(encoding="utf-8"))
    quoting = [part for part in README.read_text(encoding="utf-8").split("\n\n") if "explanation/benchmarks.md" in part]

    assert quoting
    for part in quoting:
        text = re.sub(r"\]\([^)]*\)|`[^`]*`", "", part)
        assert [number for number in numbers_of(text) if not is_among(number, here)] == [], part


def ratios_to_a_score():
    """Return both ratios of OptunaSearchCV over all problems: to the whole random search, and to its first moment."""
    page = (ROOT / "benchmarks" / "results" / "anytime.md").read_text(encoding="utf-8")
    tables = [
        part.splitlines() for part in page.split("\n\n") if part.startswith("| times as fast as RandomizedSearchCV")
    ]
    found = []
    for header, _, *rows in tables:
        column = header.split("|").index(" OptunaSearchCV ")
        over_all = next(row for row in rows if row.startswith("| **all"))
        found.append(numbers_of(over_all.split("|")[column])[0])
    return found


@pytest.mark.parametrize("path", [README, PAGE], ids=["README", "page"])
def test_both_ratios_of_time_to_a_score_are_given(path):
    text = path.read_text(encoding="utf-8")
    about = next(part for part in text.split("\n\n") if "first had" in part and "random search" in part)
    given = [number for number in numbers_of(about.replace("1/", "")) if "." in number]

    assert len(ratios_to_a_score()) == 2
    assert [ratio for ratio in ratios_to_a_score() if not any(is_among(number, [ratio]) for number in given)] == []
