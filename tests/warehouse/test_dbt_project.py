"""What holds of dbt_project as text: nothing here asks dbt or a database."""

import re
from collections import Counter

import pytest
import yaml

from answerable.settings import ROOT

PROJECT = ROOT / "dbt_project"
MODELS = sorted(PROJECT.glob("models/**/*.sql"))
DIALECT = "".join(
    file.read_text(encoding="utf-8") for file in sorted(PROJECT.glob("macros/dialect/*.sql"))
)
# macros whose work is to be seen in the database, and in no row
GIVE_NO_ROWS = {"analyze", "delete_rows_of", "read_ahead"}


@pytest.mark.parametrize("model", MODELS, ids=lambda file: file.stem)
def test_a_yaml_beside_each_model_says_what_its_rows_are(model):
    beside = model.with_suffix(".yml")
    assert beside.exists(), f"{beside.relative_to(ROOT)} is not there"
    described = yaml.safe_load(beside.read_text(encoding="utf-8"))
    assert [each["name"] for each in described["models"]] == [model.stem]
    assert re.match(r"One row\b", described["models"][0]["description"]), "it opens with the grain"
    for test in described.get("unit_tests", []):
        assert test["model"] == model.stem
        assert len(test["name"]) <= 63, f"{test['name']}: PostgreSQL takes no longer name"


def test_each_yaml_is_of_a_model():
    of_no_model = {
        file.name
        for file in PROJECT.glob("models/**/*.yml")
        if not file.with_suffix(".sql").exists()
    }
    assert of_no_model == {"sources.yml"}


def test_a_name_tells_one_unit_test():
    names = Counter(
        test["name"]
        for file in PROJECT.glob("models/**/*.yml")
        for test in yaml.safe_load(file.read_text(encoding="utf-8")).get("unit_tests", [])
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_each_macro_of_the_dialect_has_a_default_that_speaks_up_and_golden_rows():
    macros = set(re.findall(r"adapter\.dispatch\('(\w+)', 'answerable'\)", DIALECT))
    assert {"utc_timestamp", "mask_text", "json_text"} <= macros
    for macro in macros:
        default = re.search(rf"macro default__{macro}\(.*?endmacro", DIALECT, re.DOTALL)
        assert default and f"no_dialect('{macro}')" in default[0], f"{macro}: default__{macro}"
    golden = "".join(
        file.read_text(encoding="utf-8") for file in PROJECT.glob("tests/dialect/*.sql")
    )
    called = {macro for macro in macros if re.search(rf"\b{macro}\(", golden)}
    assert macros - called == GIVE_NO_ROWS


@pytest.mark.parametrize(
    "file", [*MODELS, *sorted(PROJECT.glob("macros/**/*.sql"))], ids=lambda file: file.stem
)
def test_no_model_reads_the_wall_clock(file):
    clocks = r"current_timestamp|current_date|localtimestamp|\bnow\(|run_started_at"
    assert not re.search(clocks, file.read_text(encoding="utf-8"), re.IGNORECASE)


def test_what_a_night_is_handed_is_read_through_one_macro():
    """Else dbt parses each night whatever reads it (macros/run.sql)."""
    files = [*MODELS, *sorted(PROJECT.glob("macros/**/*.sql"))]
    calls = {
        file.name: count for file in files if (count := file.read_text("utf-8").count("env_var("))
    }
    assert calls == {"run.sql": 1}
