"""Great Expectations' pages of a gate's answers: whole, of keys, loading nothing from elsewhere."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from marts_by_hand import add, start_run

from answerable.quality import data_docs

HOSTILE = "zendesk:1 <script>alert(1)</script> <img src=//evil.example/x onerror=alert(1)> $x {y}"


class Page(HTMLParser):
    """The text of a page, and the addresses that it names."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.acts: list[str] = []
        self.text = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.acts += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_newest_night_is_there_by_table_and_loads_nothing(settings, warehouse):
    for run_id in ("before", "tonight"):
        start_run(warehouse, run_id)
        add(
            warehouse,
            "ops.check_results",
            [
                {"run_id": run_id, "stage": stage, "suite": "some cases", "table_name": table}
                | {"rule": f"Expect{run_id.title()}", "severity": "critical", "is_success": good}
                | {"unexpected_count": count, "example_keys": json.dumps(keys)}
                | {"advice": "All is well. What to do: look"}
                for stage, table, good, count, keys in (
                    ("raw", "batches", True, 0, ()),
                    ("build", "fct_cases", False, 7, (HOSTILE,)),
                    ("build", "fct_cases", False, None, ()),
                )
            ],
        )
        warehouse.commit()
    index = data_docs.write(settings, warehouse)
    assert index == settings.reports / "data-docs" / "index.html"
    links = [index.parent / link for link in Page(index).addresses]
    assert [link.name for link in links] == ["raw.batches.html", "build.fct_cases.html"]
    assert all(link.is_file() for link in links)
    assert "some cases (fct_cases): 2 rules, 2 do not hold" in Page(index).text
    pages = {file: Page(file) for file in index.parent.rglob("*.html")}
    for file, page in pages.items():
        assert not {"script", "iframe", "form", "object", "embed"} & set(page.tags), file
        assert not page.acts
        assert "Content-Security-Policy" in file.read_text(encoding="utf-8")
        loads = [each for each in page.addresses if re.match(r"(\w+:)?//", each)]
        assert all(each.startswith("https://greatexpectations.io") for each in loads), loads
    said = pages[links[1]].text
    assert "ExpectTonight (critical). All is well. What to do: look" in said
    assert "zendesk:1 <script>alert(1)</script> <img src=//evil.example/x" in said
    assert "$x {y}" in said and "not asked" in said
    assert "ExpectBefore" not in said
    assert list(settings.reports.iterdir()) == [index.parent]
    assert data_docs.write(settings, warehouse) == index  # in place of the ones before


def test_without_a_checked_night_there_is_nothing_to_show(settings, warehouse):
    with pytest.raises(LookupError, match="no night was checked yet"):
        data_docs.write(settings, warehouse)
