"""Houses to run nights in."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
from forks import Forks
from houses import House, Watch
from trials import Trials


@pytest.fixture(scope="module")
def new_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def build(**options: object) -> House:
        houses.append(House(tmp_path_factory.mktemp("house"), **options))
        return houses[-1]

    yield build
    for house in houses:
        house.stop()


@pytest.fixture(scope="module")
def watch() -> Iterator[Callable[[House, subprocess.Popen], Watch]]:
    watches: list[Watch] = []

    def begin(house: House, process: subprocess.Popen) -> Watch:
        watches.append(Watch(house, process))
        return watches[-1]

    yield begin
    for each in watches:
        each.end()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """What makes nights in processes of their own."""
    made = Forks()
    yield made
    made.close()


@pytest.fixture(scope="session")
def trials(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[Trials]:
    """A server and a home for nights with faults; each test goes back to a kept state first."""
    made = Trials(tmp_path_factory.mktemp("trials"), forks)
    yield made
    made.close()
