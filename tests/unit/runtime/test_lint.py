"""The linters notice what they are there for."""

from pathlib import Path

import pytest

from answerable.runtime import lint
from answerable.settings import Settings


@pytest.fixture
def home(tmp_path) -> Settings:
    return Settings.from_environment({"ANSWERABLE_HOME": str(tmp_path)})


def model(tmp_path: Path, text: str) -> list[Path]:
    file = tmp_path / "target" / "models" / "marts" / "fct.sql"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return [file]


GOOD = 'select\n    cast(a as TEXT) as a_text,\n    b\nfrom "answerable"."build"."t"\n'


@pytest.mark.parametrize("dialect", ["postgres", "sparksql"])
def test_a_model_that_both_engines_take_is_clean(home, tmp_path, dialect):
    assert lint._sqlfluff(home, model(tmp_path, GOOD), dialect)


def test_what_only_postgres_can_parse_is_found(home, tmp_path, capsys):
    models = model(tmp_path, "select cast(a #>> '{b}' as text) as b\nfrom t\n")
    assert lint._sqlfluff(home, models, "postgres")
    assert not lint._sqlfluff(home, models, "sparksql", "--rules=LT12")
    assert "marts/fct.sql" in capsys.readouterr().out


def test_an_alias_without_as_is_found(home, tmp_path, capsys):
    assert not lint._sqlfluff(home, model(tmp_path, "select t.a b\nfrom t\n"), "postgres")
    assert "AL02" in capsys.readouterr().out
