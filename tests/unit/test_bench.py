"""The frame of the benchmarks: what it prints, what it keeps, what it refuses."""

import json

import pytest

from answerable import bench
from answerable.settings import Settings


@pytest.fixture
def here(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setattr(bench, "benchmarks", {})
    monkeypatch.setattr(bench, "load_all", lambda: None)
    return Settings.from_environment({"ANSWERABLE_HOME": str(tmp_path)})


def test_each_figure_is_a_line_and_all_are_kept_as_json(here, capsys):
    @bench.benchmark("sums")
    def sums(work):
        assert work.is_dir() and not any(work.iterdir())
        (work / "big").write_text("x")
        yield bench.Figure("small", 0.25, "s")
        yield bench.Figure("rows", 1234567, "rows")

    @bench.benchmark("other")
    def other(work):
        yield bench.Figure("never", 1, "s")

    assert bench.run(here, only="sums") == 0
    assert capsys.readouterr().out == "sums.small 0.250 s\nsums.rows 1234567 rows\n"
    kept = json.loads((here.home / "bench" / "sums.json").read_text())
    assert kept["figures"] == [
        {"name": "small", "value": 0.25, "unit": "s"},
        {"name": "rows", "value": 1234567, "unit": "rows"},
    ]
    assert sorted(f.name for f in (here.home / "bench").iterdir()) == ["sums.json"]
    assert bench.run(here) == 0
    assert "other.never 1 s" in capsys.readouterr().out


def test_an_unknown_benchmark_is_refused_with_the_names_there_are(here):
    bench.benchmark("sums")(lambda work: iter(()))
    with pytest.raises(bench.BenchError, match="no benchmark 'sum'; there are sums"):
        bench.run(here, only="sum")


def test_two_of_a_name_are_refused(here):
    bench.benchmark("sums")(lambda work: iter(()))
    with pytest.raises(bench.BenchError, match="two benchmarks are called 'sums'"):
        bench.benchmark("sums")(lambda work: iter(()))


def test_every_benchmark_registers_itself():
    bench.load_all()
    assert {"identity", "night", "ownership", "sla"} <= bench.benchmarks.keys()
