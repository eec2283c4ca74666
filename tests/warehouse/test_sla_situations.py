"""Situations that people who know the business worked out, against both implementations."""

from dataclasses import replace

import pytest
import situations
from sla_warehouse import KEYS, build_cases, read, staged, users, write_policy
from slow_clock import verdicts

from answerable.warehouse import db

SITUATIONS = situations.load()


@pytest.mark.parametrize("one", SITUATIONS, ids=lambda one: f"{one.file}: {one.name}")
def test_situation_by_hand_and_slowly(one):
    clocks, pieces = verdicts(one.case, one.company, situations.as_of())
    assert not (fault := situations.faults(one, clocks, pieces)), fault


def test_situations_by_the_models(new_settings, using, tmp_path):
    company = situations.together(SITUATIONS)
    cases = [one.case for one in SITUATIONS]
    help_desks = [case.source for case in cases if case.has_status and not case.is_exported]
    policy = write_policy(tmp_path / "policy", company, help_desks)
    settings = replace(new_settings(), policy=policy)
    rows = [row for case in cases for row in staged(case)]
    with using(settings):
        run = build_cases(settings, situations.TODAY, [*rows, *users(help_desks)])
    assert run.as_of == situations.as_of()
    faults = []
    with db.connect(settings) as conn:
        for one in SITUATIONS:
            found = (read(conn, table, [one.case.key]) for table in KEYS)
            faults.append(situations.faults(one, *([*rows.values()] for rows in found)))
    wrong = [fault for fault in faults if fault]
    assert not wrong, f"{len(wrong)} of {len(SITUATIONS)} situations\n\n" + "\n\n".join(wrong)
