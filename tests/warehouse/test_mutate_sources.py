"""What no reader may ever see is stopped, though each of the sources' answers is whole and well."""

import os

import pytest

from answerable.quality import mutate, mutate_sources

# what no size of company and no chance makes good, with the sizes from which on it is stopped
STOPPED = {
    "zendesk: answers, and has nothing new": 1.0,
    "zendesk.ticket_events: records are missing": 1.0,
    "zendesk.ticket_events: records come again under new ids": 1.0,
    "zendesk.ticket_events: status is another's": 1.0,
    "zendesk.ticket_events: child_events is called events": 1.0,
    "zendesk.tickets: created_at is null": 0.2,
    "zendesk.ticket_events: times are an hour late": 0.2,
}


@pytest.mark.slow
def test_what_no_reader_may_see_is_stopped(tmp_path, capsys, environ_restored):
    home = tmp_path / "mutate-sources"
    try:
        base = mutate_sources.prepare(home, tell=print)
        found = list(mutate_sources.trials(base, list(STOPPED), os.cpu_count() or 1))
    finally:
        mutate.close(home)
    with capsys.disabled():
        print(f"\n{mutate_sources.table(found)}")
    became = {
        one.name: [(each.size, each.became) for each in one_by_one]
        for one_by_one in found
        for one in one_by_one[:1]
    }
    assert len(became) == len(STOPPED)
    for name, least in STOPPED.items():
        sizes = [size for size, what in became[name] if size >= least]
        assert sizes
        assert all(what == "stopped" for size, what in became[name] if size >= least), name
