"""Reads HTML in tests: its tags and its text, and whether it loads or runs anything."""

import re
from html.parser import HTMLParser

__all__ = ["Page", "assert_loads_nothing", "read_view"]


class Page(HTMLParser):
    """Reads HTML: its tags with their attributes, its text, and the cells of its tables."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open, self.styles = [], [], [], []
        self.rows = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data):
        if self.open[-1:] == ["style"]:
            self.styles.append(data)
            return
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    def texts(self):
        return " ".join("".join(self.text).split())


def assert_loads_nothing(page):
    """Nothing in the HTML has an address but pictures that lie in it, nothing runs, and every tag is closed."""
    assert page.open == []
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster", "background", "xlink:href")
    ]
    assert all(address.startswith("data:image/png;base64,") for address in addresses)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    for style in page.styles:
        assert not re.search(r"url\(|@import", style)


def read_view(html):
    """Read what a notebook shows of an object of this package, without scikit-learn's diagram below it."""
    view = html.partition("<style>.sk-global")[0]
    assert view.startswith('<div class="autotune-view">')
    page = Page(view)
    assert_loads_nothing(page)
    assert len(view) < 20_000
    return page
