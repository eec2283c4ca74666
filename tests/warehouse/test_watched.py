"""Folders, prefixes and patterns of described exports: each object once, in order of names."""

import shutil

import pytest
from landed import nights, rows
from upath import UPath

from answerable import landing, pipeline, runs
from answerable.landing import Zone, land_files
from answerable.sources import SpecError
from answerable.warehouse.load import load

ONE = """
source: shop
kind: cases
timezone: UTC
key: id
columns: {case_id: id, opened_at: opened, subject: text}
"""
SEVERAL = """
source: shop
timezone: UTC
files:
  "cases*.csv":
    kind: cases
    key: id
    columns: {case_id: id, opened_at: opened, subject: text}
  "people*.csv":
    kind: users
    key: id
    columns: {user_id: id, created_at: since}
"""
CASES = "id,opened,text\n"


@pytest.fixture
def night(warehouse):
    return nights(warehouse)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def mapping(tmp_path):
    def write(text):
        file = tmp_path / "shop.yml"
        file.write_text(text)
        return file

    return write


def subjects(warehouse):
    return rows(
        warehouse,
        "select distinct on (record_key) record_key, payload ->> 'subject' from raw.file_cases"
        " order by record_key, version desc, batch_id desc, position desc",
    )


def test_of_two_objects_of_a_night_the_later_name_is_the_newer(
    settings, warehouse, night, folder, mapping
):
    """Names of landed objects hold a hash, so some of these would go the other way without it."""
    description, run = mapping(ONE), night()
    for day in range(1, 13):
        (folder / f"day{day:02}.csv").write_text(f"{CASES}1,2026-03-01 10:00:00,{day}\n")
    receipt = land_files(run, description, f"{folder}/", "cases")
    assert (receipt["pages"], receipt["records"]) == (12, 12)
    load(run)
    assert subjects(warehouse) == [("1", "12")]


def test_what_a_folder_has_anew_is_landed_and_nothing_twice(
    settings, warehouse, night, folder, mapping
):
    description, run = mapping(ONE), night()
    (folder / "a.csv").write_text(f"{CASES}1,2026-03-01 10:00:00,a\n")
    land_files(run, description, f"{folder}/", "cases")
    load(run)
    (folder / "a.csv").rename(folder / "z.csv")
    (folder / "b.csv").write_text(f"{CASES}2,2026-03-01 10:00:00,b\n")
    run = night()
    receipt = land_files(run, description, f"{folder}/", "cases")
    assert (receipt["pages"], receipt["records"], len(receipt["objects"])) == (1, 1, 1)
    again = land_files(run, description, f"{folder}/", "cases")
    assert (again["pages"], again["status"]) == (0, "landed")
    assert load(run)["records"] == 1
    assert subjects(warehouse) == [("1", "a"), ("2", "b")]
    assert rows(
        warehouse,
        "select stream_runs.status, page_count, record_count"
        " from ops.stream_runs join ops.runs using (run_id) order by run_no",
    ) == [("landed", 1, 1), ("landed", 1, 1)]


def test_a_folder_without_anything_was_read(settings, warehouse, night, folder, mapping):
    receipt = land_files(night(), mapping(ONE), str(folder), "cases")
    assert (receipt["status"], receipt["records"]) == ("landed", 0)
    assert rows(warehouse, "select stream, status, record_count from ops.stream_runs") == [
        ("cases", "landed", 0)
    ]


def test_a_broken_object_is_told_and_does_not_stop_the_others(
    settings, warehouse, night, folder, mapping
):
    description, run = mapping(ONE), night()
    (folder / "a.csv").write_text("id,opned,text\n1,2026-03-01 10:00:00,a\n")
    (folder / "b.csv").write_text(f"{CASES}2,2026-03-01 10:00:00,b\n")
    (folder / "c.csv.gz").write_bytes(b"\x1f\x8b broken")
    receipt = land_files(run, description, f"{folder}/", "cases")
    assert (receipt["status"], receipt["records"]) == ("failed", 1)
    assert "a.csv: no column 'opened'" in receipt["error"] and "c.csv.gz" in receipt["error"]
    assert rows(warehouse, "select status, record_count from ops.stream_runs") == [("failed", 1)]
    assert len(Zone.at(settings.landing).names()) == 1
    # named by hand it is the user's to put right
    with pytest.raises(SpecError, match="no column 'opened'"):
        land_files(run, description, str(folder / "a.csv"), "cases")


def test_parts_are_told_apart_by_their_names(settings, warehouse, night, folder, mapping):
    description, run = mapping(SEVERAL), night()
    (folder / "cases1.csv").write_text(f"{CASES}1,2026-03-01 10:00:00,a\n")
    (folder / "people1.csv").write_text("id,since\n7,2026-01-01 10:00:00\n")
    (folder / "notes.txt").write_text("what nobody describes")
    (folder / ".cases2.csv").write_text("hidden")
    (folder / "cases3.csv.part").write_text("not whole")
    found = {kind: land_files(run, description, str(folder), kind) for kind in ("cases", "users")}
    assert {kind: (each["records"], each["ignored"]) for kind, each in found.items()} == {
        "cases": (1, 1),
        "users": (1, 1),
    }
    assert load(run)["loaded"] == 2
    with pytest.raises(SpecError, match=r"notes\.txt: no pattern of shop\.yml matches it"):
        land_files(run, description, str(folder / "notes.txt"), "cases")


def test_a_name_that_two_patterns_match_is_refused(settings, warehouse, night, folder, mapping):
    description = mapping(SEVERAL.replace('"people*.csv"', '"*1.csv"'))
    (folder / "cases1.csv").write_text(f"{CASES}1,2026-03-01 10:00:00,a\n")
    receipt = land_files(night(), description, str(folder), "cases")
    assert receipt["error"] == "cases1.csv: several patterns of shop.yml match it"
    assert Zone.at(settings.landing).names() == []


def test_an_object_that_grows_while_it_is_read_is_left_for_the_next_night(
    settings, warehouse, night, folder, mapping, monkeypatch
):
    description, run = mapping(ONE), night()
    file = folder / "a.csv"
    file.write_text(f"{CASES}1,2026-03-01 10:00:00,a\n")
    counted = landing.files.count

    def count_and_grow(*args):
        with file.open("a") as handle:
            handle.write("2,2026-03-01 10:00:00,b\n")
        return counted(*args)

    with monkeypatch.context() as patch:
        patch.setattr(landing.files, "count", count_and_grow)
        receipt = land_files(run, description, str(folder), "cases")
    assert "changed while it was read" in receipt["error"]
    zone = Zone.at(settings.landing)
    assert zone.names() == [] and list(zone.root.rglob("*.csv")) == []
    assert land_files(run, description, str(folder), "cases")["records"] == 2


def test_a_bucket_s_prefix_is_a_folder_too(settings, warehouse, night, mapping):
    bucket = UPath("memory://deliveries/in")
    bucket.mkdir(parents=True, exist_ok=True)
    (bucket / "a.csv").write_text(f"{CASES}1,2026-03-01 10:00:00,a\n")
    (bucket / "b.txt").write_text(f"{CASES}2,2026-03-01 10:00:00,b\n")
    description, run = mapping(ONE), night()
    assert land_files(run, description, "memory://deliveries/in/", "cases")["records"] == 1
    by_name = land_files(run, description, "memory://deliveries/in/*.txt", "cases")
    assert by_name["records"] == 1
    assert load(run)["loaded"] == 2


def test_each_kind_of_a_description_is_a_stream(folder, mapping):
    description = mapping(SEVERAL)
    streams = pipeline.file_streams({"ANSWERABLE_FILES": f"{description}={folder}/"})
    assert [(each["source"], each["stream"], each["file"]) for each in streams] == [
        ("shop", "cases", str(folder)),
        ("shop", "users", str(folder)),
    ]
    (s3,) = pipeline.file_streams({"ANSWERABLE_FILES": f"{mapping(ONE)}=memory://deliveries/*.csv"})
    assert s3["file"] == "memory://deliveries/*.csv"
    shutil.rmtree(folder)
    with pytest.raises(runs.PlanError, match="is not there"):
        pipeline.file_streams({"ANSWERABLE_FILES": f"{description}={folder}/"})


@pytest.mark.parametrize(
    "text, says",
    [
        (SEVERAL + "kind: cases\n", "unknown key beside files: 'kind'"),
        (
            SEVERAL.replace("    kind: users", "    source: b\n    kind: users"),
            "source stands above",
        ),
        (SEVERAL.replace("user_id", "user"), r"shop.yml (people*.csv): unknown field of users"),
        ("source: a\nfiles: {}\n", "none is described"),
    ],
)
def test_a_wrong_description_of_several_files_names_the_part(folder, mapping, text, says):
    with pytest.raises(SpecError) as caught:
        pipeline.file_streams({"ANSWERABLE_FILES": f"{mapping(text)}={folder}/"})
    assert says in str(caught.value)
