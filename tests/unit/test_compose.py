"""docker-compose.yml and Dockerfile, as far as it can be told without an engine what they do."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import compose
import pytest

from answerable.runtime import airflow, postgres, services
from answerable.settings import ROOT, Settings

SECRETS = {
    "ADMIN_PASSWORD", "OWNER_PASSWORD", "AIRFLOW_DB_PASSWORD", "READER_PASSWORD",
    "PRIVATE_PASSWORD", "PAGES_PASSWORD", "JWT_SECRET", "API_SECRET", "IDENTITY_SECRET",
    "FERNET_KEY", "TOKEN_KEY",
}  # fmt: skip


@pytest.fixture
def said() -> dict[str, str]:
    return {f"ANSWERABLE_{name}": f"secret-of-{name}" for name in SECRETS}


@pytest.fixture
def found(said):
    return compose.project(said)["services"]


def test_the_reader_of_the_file_reads():
    assert doctest.testmod(compose).failed == 0


def test_no_secret_is_in_the_file_and_none_may_be_left_out(said):
    optional = {"READER_PASSWORD", "PRIVATE_PASSWORD", "TOKEN_KEY"}
    for name in SECRETS:
        less = {k: v for k, v in said.items() if k != f"ANSWERABLE_{name}"}
        if name in optional:
            compose.project(less)
        else:
            with pytest.raises(compose.NotSaid, match=f"ANSWERABLE_{name}"):
                compose.project(less)
    text = compose.FILE.read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.search(r"PASSWORD:|SECRET|_KEY:", line) and "#" not in line:
            assert "${ANSWERABLE_" in line or "PASSWORDS_FILE" in line, line


def test_each_service_has_the_secrets_that_it_uses_and_no_more(found):
    def has(name: str) -> set[str]:
        whole = f"{found[name].get('environment')} {found[name]['command']}"
        return set(re.findall(r"secret-of-(\w+)", whole))

    airflows = {"FERNET_KEY", "API_SECRET", "JWT_SECRET", "AIRFLOW_DB_PASSWORD"}
    assert has("database") == {"ADMIN_PASSWORD"}
    assert has("api-server") == has("dag-processor") == airflows
    assert has("scheduler") == airflows | {"OWNER_PASSWORD", "IDENTITY_SECRET", "TOKEN_KEY"}
    assert has("init") == airflows | {
        "ADMIN_PASSWORD", "OWNER_PASSWORD", "READER_PASSWORD", "PRIVATE_PASSWORD", "PAGES_PASSWORD",
    }  # fmt: skip
    assert [name for name in found if "env_file" in found[name]] == ["scheduler"]
    for name in found:  # what is in a command can be seen by everybody
        assert "secret-of" not in str(found[name]["command"])
        assert "secret-of" not in str(found[name].get("healthcheck"))


def test_nothing_is_published_beyond_this_machine(found):
    ports = [port for service in found.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:5432:5432", "127.0.0.1:8080:8080"]
    assert not any(service.get("network_mode") for service in found.values())
    assert not any(service.get("privileged") for service in found.values())


def test_versions_are_those_that_the_tests_run_on(found):
    version = subprocess.run(
        [postgres.binary("postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    assert found["database"]["image"] == f"postgres:{version}-trixie"
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    python = re.search(r"^ARG PYTHON=(\d+)\.(\d+)\.\d+-slim-trixie$", dockerfile, re.M)
    assert python and (3, 11) <= tuple(map(int, python.groups())) <= (3, 13)
    assert dockerfile.count("FROM python:${PYTHON}") == dockerfile.count("FROM ") == 2
    assert "--require-hashes" in dockerfile
    assert re.search(r"^USER (?!0)\d+$", dockerfile.split("FROM ")[-1], re.M)


def test_all_that_is_copied_is_let_in_and_nothing_else():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.M)
        for word in line.split()[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    for name in copied:
        assert (ROOT / name).exists()
    # the folders of the package that make a night
    assert {"dags", "dbt_project", "expectations", "plugins", "requirements.lock"} <= copied


def test_airflow_is_set_up_as_make_up_sets_it_up(found, pg, tmp_path):
    settings = Settings.from_environment({"ANSWERABLE_HOME": str(tmp_path)})
    ours = airflow.environment(settings, pg)
    # on loopback alone nobody signs in, and the pages listen on that address and no other
    other = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "AIRFLOW__API__HOST"}
    wanted = {name for name in ours if name.startswith("AIRFLOW")} - other
    for name in ("api-server", "scheduler", "dag-processor", "init"):
        said = found[name]["environment"]
        assert wanted - said.keys() == set()
        for key in ("EXECUTOR", "MP_START_METHOD", "LOAD_EXAMPLES", "DAGS_ARE_PAUSED_AT_CREATION"):
            assert said[f"AIRFLOW__CORE__{key}"] == ours[f"AIRFLOW__CORE__{key}"]
    for name, arguments in services.COMPONENTS.items():
        command = [str(word) for word in found[name]["command"]]
        assert command[:3] == ["python", "-m", "airflow"]
        assert [w for w in arguments if w not in ("127.0.0.1", "{port}")] == [
            w for w in command[3:] if w not in ("0.0.0.0", "8080")
        ]


@pytest.mark.parametrize(
    ("found_in", "instead"),
    [("healthcheck:", "healthchek:"), ("condition: service_healthy", "condition: healthy")],
)
def test_the_specification_s_schema_holds_and_tells_what_does_not(tmp_path, found_in, instead):
    program = Path(sys.executable).with_name("check-jsonschema")
    text = compose.FILE.read_text(encoding="utf-8")
    for content, code in ((text, 0), (text.replace(found_in, instead, 1), 1)):
        file = tmp_path / "docker-compose.yml"
        file.write_text(content, encoding="utf-8")
        done = subprocess.run(
            [program, "--builtin-schema=vendor.compose-spec", file], capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout


def test_the_dockerfile_s_lint_has_nothing_to_say(tmp_path):
    program = Path(sys.executable).with_name("hadolint")
    dockerfile = ROOT / "Dockerfile"
    assert subprocess.run([program, dockerfile], capture_output=True).returncode == 0
    worse = tmp_path / "Dockerfile"
    worse.write_text(dockerfile.read_text(encoding="utf-8").replace("USER 50000", "USER root"))
    done = subprocess.run([program, worse], capture_output=True, text=True)
    assert done.returncode == 1 and "USER" in done.stdout


def test_who_waits_for_whom_and_who_is_asked_whether_they_are_well(found):
    waits = {
        name: {other: how["condition"] for other, how in service["depends_on"].items()}
        for name, service in found.items()
        if "depends_on" in service
    }
    done, well = "service_completed_successfully", "service_healthy"
    assert waits == {
        "init": {"database": well},
        "api-server": {"init": done},
        "dag-processor": {"init": done},
        "scheduler": {"init": done, "api-server": well},
    }
    assert {name for name, service in found.items() if "healthcheck" not in service} == {"init"}
    assert {service["restart"] for service in found.values()} == {"unless-stopped", "on-failure:3"}


def test_secrets_are_made_once(tmp_path, said):
    def make() -> subprocess.CompletedProcess:
        return subprocess.run(
            [ROOT / "scripts" / "make-env"], cwd=tmp_path, capture_output=True, text=True
        )

    first = make()
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    file = tmp_path / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    lines = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert lines.keys() == said.keys()
    assert len(set(lines.values())) == len(lines) and min(map(len, lines.values())) >= 40
    for name, value in lines.items():
        pattern = r"[A-Za-z0-9_-]{43}=" if name.endswith("_KEY") else r"[A-Za-z0-9]{40}"
        assert re.fullmatch(pattern, value), name
    compose.project(lines)
    second = make()
    assert second.returncode == 1 and "nothing was changed" in second.stderr
    assert file.read_text() == "".join(f"{k}={v}\n" for k, v in lines.items())
    assert [each.name for each in tmp_path.iterdir()] == [".env"]
