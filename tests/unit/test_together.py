"""Several walks at once: never more than allowed, in the order that was asked for, none in vain."""

import threading
import time

import pytest

from answerable.landing import together as module
from answerable.landing.together import together

NAMES = [f"s{n}" for n in range(9)]


class Work:
    """Notes who is at work at the same time, and the order of beginnings and ends."""

    def __init__(self, seconds=0.01, fails=()):
        self.seconds, self.fails = seconds, set(fails)
        self.now, self.most, self.log = 0, 0, []
        self.lock = threading.Lock()

    def __call__(self, name):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.log.append(("began", name))
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
            self.log.append(("ended", name))
        if name in self.fails:
            raise ValueError(name)
        return name.upper()


@pytest.mark.parametrize("most", [1, 2, 4, 20])
def test_as_many_at_a_time_as_allowed_and_all_are_done(most):
    work = Work(seconds=0.3)  # longer than a busy machine takes to begin them all
    ended = together(NAMES, {}, most, work)
    assert ended == {name: name.upper() for name in NAMES}
    assert work.most == min(most, len(NAMES))
    first = [name for what, name in work.log if what == "began"][:most]
    assert sorted(first) == NAMES[:most]


@pytest.mark.parametrize("most", [1, 4])
def test_what_comes_after_waits_for_the_end_of_the_others_well_or_not(most):
    after = {"s0": ["s3", "s8", "elsewhere"], "s4": ["s0"]}
    work = Work(fails=["s3"])
    ended = together(NAMES, after, most, work)
    assert isinstance(ended["s3"], ValueError)
    assert [name for name in NAMES if ended[name] == name.upper()] == [
        name for name in NAMES if name != "s3"
    ]
    place = {entry: number for number, entry in enumerate(work.log)}
    for earlier, later in (("s3", "s0"), ("s8", "s0"), ("s0", "s4")):
        assert place["ended", earlier] < place["began", later]


@pytest.mark.parametrize("most", [1, 3])
def test_two_that_wait_for_each_other_are_both_done(most):
    ended = together(["a", "b", "c"], {"a": ["b"], "b": ["a"]}, most, Work())
    assert ended == {"a": "A", "b": "B", "c": "C"}


def test_nothing_to_do_is_done_at_once():
    assert together([], {}, 4, Work()) == {}


def test_what_kills_one_begins_no_other_and_is_raised():
    class Killed(BaseException):
        pass

    begun = []

    def work(name):
        begun.append(name)
        time.sleep(0.05)
        if name == "s0":
            raise Killed
        time.sleep(0.05)

    with pytest.raises(Killed):
        together(NAMES, {}, 2, work)
    assert begun == ["s0", "s1"]


def test_interrupted_all_are_told_to_stop_and_waited_for(monkeypatch):
    stop, ended = threading.Event(), []

    def work(name):
        stop.wait(5)
        ended.append(name)

    def interrupted(self, timeout=None):
        if timeout is None:
            raise KeyboardInterrupt
        real(self, timeout)

    real = module.threading.Thread.join
    monkeypatch.setattr(module.threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        together(NAMES, {}, 3, work, stop.set)
    assert sorted(ended) == ["s0", "s1", "s2"]
