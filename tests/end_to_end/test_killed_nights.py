"""A night killed at any point and called again leaves what one that was never killed leaves."""

import os
import re
import signal
import time

import psutil
import pytest
from houses import kill_group, wait_for

pytestmark = pytest.mark.slow

FIRST_DAY = "2025-12-11"
# what the night has just said when the kill comes; some strike while the next step works
POINTS = [
    "The night of",
    "✓ plan",
    "✓ land zendesk.tickets",
    "✓ land x.mentions",
    "✓ load zendesk.ticket_events",
    "✓ check raw",
    "✓ build staging",
    "✓ identity",
    "✓ build marts",
    "✓ publish",
]


@pytest.fixture(scope="module")
def never_killed(new_house) -> dict:
    house = new_house()
    house.night(f"DATE={FIRST_DAY}")
    house.night()
    return house.published()


def test_the_whole_group_is_killed_at_ten_points(new_house, never_killed):
    house = new_house()
    house.night(f"DATE={FIRST_DAY}")
    for point in POINTS:
        process = house.start("nightly")
        wait_for(process, point)
        kill_group(process)
    # killed after publishing, the tenth left its report to write
    finished = house.night()
    assert "begun and not finished" in finished
    assert house.query("select as_of from publication") == [{"as_of": "2025-12-12 00:00:00"}]
    assert house.published() == never_killed
    assert "The night of 2025-12-13" in house.night()


@pytest.mark.parametrize("seconds", [0.3, 1, 2.5])
def test_the_whole_group_is_killed_while_everything_is_made_for_the_first_time(
    new_house, never_killed, seconds
):
    house = new_house()
    process = house.start("nightly", f"DATE={FIRST_DAY}")
    time.sleep(seconds)
    kill_group(process)
    house.night(f"DATE={FIRST_DAY}")
    house.night()
    assert house.published() == never_killed


def test_make_alone_is_killed_at_ten_points_and_two_never_write(new_house, never_killed):
    house = new_house()
    house.night(f"DATE={FIRST_DAY}")
    for point in POINTS:
        process = house.start("nightly")
        wait_for(process, point)
        night = holder_of(house)
        process.send_signal(signal.SIGKILL)
        process.wait()
        is_alive = night.is_running() and night.status() != psutil.STATUS_ZOMBIE
        assert is_alive, f"at {point!r} the night died with make"
        night.suspend()  # else it gets past the points to come, on a slow machine
        second = house.make("nightly")
        assert f"process {night.pid}, since" in second.stdout, second.stdout
        assert "This call has done nothing" in second.stdout
        assert "Error 75" in second.stderr
        if point != POINTS[-1]:
            night.kill()
        else:
            night.resume()
        process.stdout.read()  # until the night, which has the other end, is gone
        process.stdout.close()
    assert house.query("select as_of from publication") == [{"as_of": "2025-12-12 00:00:00"}]
    assert house.published() == never_killed
    runs = house.query("select count(*) as n from ops.runs", "ROLE=owner")
    assert runs == [{"n": "2"}]


def holder_of(house) -> psutil.Process:
    held = (house.home / "nightly.lock").read_text()
    return psutil.Process(int(re.search(r'"pid": (\d+)', held)[1]))


def test_an_interrupt_ends_the_night_in_plain_words_and_it_is_gone_on_with(new_house):
    house = new_house()
    process = house.start("nightly", f"DATE={FIRST_DAY}")
    wait_for(process, "load zendesk.ticket_events")
    os.killpg(process.pid, signal.SIGINT)
    said = process.stdout.read()
    assert process.wait() != 0
    assert "Traceback" not in said
    assert "begun and not finished" in house.night()
