"""Disks that are full, one at a time.

| whose                          | the night                                        |
| ------------------------------ | ------------------------------------------------ |
| the database's, landing zone's | fails in words; readers keep what was published  |
| where dbt works                | the same                                         |
| the reports'                   | fails in words, when it is published             |
| for temporary files            | goes as ever                                     |
| the log's                      | goes as ever, and the log lacks what had no room |

With room again a night that failed is gone on with, and ends like one that was never disturbed.
"""

import os
import shutil
import time

import pytest
from small_disks import NoNamespace, SmallDisk
from trials import FIRST, SECOND, Trials, unlike

pytestmark = pytest.mark.slow

PUBLISHED = [("nightly", "published")] * 2
MIB = 1024**2


@pytest.fixture(scope="module")
def new_disk(tmp_path_factory, need_tool):
    need_tool("unshare")
    need_tool("nsenter")
    disks: list[SmallDisk] = []

    def new(megabytes: int) -> SmallDisk:
        try:
            disks.append(SmallDisk.new(tmp_path_factory.mktemp("disk"), megabytes))
        except NoNamespace as error:
            reason = f"this system lets nobody mount a disk of their own: {error}"
            if os.environ.get("REQUIRE_ALL") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        return disks[-1]

    yield new
    for disk in disks:
        disk.close()


# --- the database's ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(new_disk, forks):
    """A server whose files are on a disk of their own, with one night published."""
    disk = new_disk(3072)
    made = Trials(disk.at / "home", forks, disk=disk)
    with made.sources(FIRST) as handle:
        made.good_night(FIRST, handle)
    made.keep(FIRST)
    yield made
    made.close()


@pytest.mark.parametrize("left", [0, 2, 4])
def test_the_database_s_disk_is_full(trials, small, left):
    """So many MiB are left, and run out in another step each."""
    wanted = trials.undisturbed(SECOND)
    small.back_to(FIRST)
    before = small.published()
    with small.sources(SECOND) as handle:
        small.disk.left(left * MIB)
        night = small.night(SECOND, handle)
        assert night.code == 1, "there was room enough"
        if is_up(small):
            assert unlike(small.published(), before) == {}
        small.disk.large()
        small.start_server()
        assert unlike(small.published(), before) == {}
        small.good_night(SECOND, handle)
    assert small.runs() == PUBLISHED
    assert unlike(small.published(), wanted) == {}


def is_up(trials: Trials) -> bool:
    """Without room the server may stop by itself; it gets a moment to come up again."""
    until = time.monotonic() + 5
    while not trials.is_up():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


# --- the others --------------------------------------------------------------------------------


def test_the_landing_zone_s_disk_is_full(trials, new_disk):
    trials.undisturbed(SECOND)
    trials.back_to(FIRST)
    before = trials.published()
    disk = new_disk(200)
    shutil.copytree(trials.home / "landing", disk.at / "landing")
    elsewhere = {"ANSWERABLE_LANDING": str(disk.at / "landing")}
    with trials.sources(SECOND) as handle:
        disk.left(5 * 4096)  # a few small objects, or half of one
        night = trials.night(SECOND, handle, environ=elsewhere)
        assert night.code == 1 and "No space left on device" in night.told["error"]
        assert unlike(trials.published(), before) == {}
        disk.large(200)
        trials.good_night(SECOND, handle, environ=elsewhere)
    assert trials.runs() == PUBLISHED
    assert unlike(trials.published(), trials.undisturbed(SECOND)) == {}


@pytest.mark.parametrize("folder", ["dbt", "reports", "temporary"])
def test_the_disk_for_other_files_is_full(trials, new_disk, folder):
    """What dbt writes, the reports, temporary files."""
    trials.undisturbed(SECOND)
    trials.back_to(FIRST)
    before, wanted = trials.published(), trials.undisturbed(SECOND)
    disk, more = new_disk(200), {}
    if folder == "dbt":
        shutil.rmtree(trials.home / "dbt")
        (trials.home / "dbt").symlink_to(disk.at)
    elif folder == "reports":
        more = {"environ": {"ANSWERABLE_REPORTS": str(disk.at)}}
    else:
        more = {"patch": "odd_machines:temporary_files_in", "patch_with": {"folder": str(disk.at)}}
    try:
        with trials.sources(SECOND) as handle:
            disk.left(0)
            night = trials.night(SECOND, handle, **more)
            if folder == "temporary":
                assert night.code == 0, night.said[-3000:]
                assert str(disk.at) in night.said  # it was wanted there
            else:
                assert night.code == 1 and "No space left on device" in night.told["error"]
                assert len(night.told["error"]) < 500
            # without a report the night is published all the same
            published = before if folder == "dbt" else wanted
            assert unlike(trials.published(), published) == {}
            disk.large(200)
            if night.code:
                trials.good_night(SECOND, handle, **more)
    finally:
        if folder == "dbt":
            (trials.home / "dbt").unlink()
    assert trials.runs() == PUBLISHED
    assert trials.ask("select count(*) from ops.runs where report_path is null") == [(0,)]
    assert unlike(trials.published(), wanted) == {}


def test_the_log_s_disk_is_full(new_house, new_disk):
    """The night as it is called goes on, and its log lacks the end."""
    options = {"more": {"ANSWERABLE_SANDBOX_SIZE": "0.05"}}
    undisturbed, house, disk = new_house(**options), new_house(**options), new_disk(200)
    undisturbed.night(f"DATE={FIRST}")
    (disk.at / "logs").mkdir()
    (house.home / "logs").symlink_to(disk.at / "logs")
    disk.left(2 * 4096)
    said = house.night(f"DATE={FIRST}")
    assert "Published as of" in said and "Traceback" not in said
    assert house.published() == undisturbed.published()
