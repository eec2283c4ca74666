"""Pages with something wrong in them: a walk ends, or fails in words, and loses no record."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import EXTRA, Mutated, pages_of

from answerable.sources import KINDS, stream
from answerable.sources.body import NotJson
from answerable.sources.errors import SourceError
from answerable.sources.paging import Start, walk

WALKED = [(kind, s.name) for kind, its in KINDS.items() for s in its if not s.walked_with]


@pytest.fixture(scope="module")
def pages():
    return {each: [json.dumps(page) for page in pages_of(*each)] for each in WALKED}


@pytest.mark.fuzz
@pytest.mark.parametrize("kind, name", WALKED)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_walk_over_mutated_pages_ends_or_fails_in_words(pages, kind, name, seed):
    client = Mutated(pages[kind, name], Random(seed), at_most=400)
    start = Start(extra=EXTRA, recent=lambda days: [str(number) for number in range(300)])
    count = 0
    try:
        for page in walk(stream(kind, name), start, client.get):
            assert all(isinstance(record, str) for record in page.records)
            assert page.cursor_to is None or isinstance(json.loads(page.cursor_to), dict)
            count += 1
            if count == 100:  # a source may go on as long as it gets on
                break
    except (SourceError, NotJson) as problem:
        assert str(problem)
