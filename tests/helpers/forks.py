"""Nights in processes of their own that can be killed anywhere: `python forks.py` has loaded all
that a night needs and makes one by forking, so that a night costs its work and no more.

Reads a line of JSON for each night on standard input, says on standard output when one began and
how it ended. `Forks` is the other end of it.
"""

import faulthandler
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from answerable.settings import ROOT

Do = Literal["kill", "quit_server", "quit_server_now", "forget_answer", "wait", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Something that goes wrong within the night: before or after the `nth` call of a function.

    kill: SIGKILL to the night. quit_server: the database's server is stopped in immediate mode;
    quit_server_now: so, and what the night does next meets it while it goes down.
    forget_answer: what the call did stands, and its answer is lost. wait: until `file` is there.
    """

    at: str  # module.function, or module.Class.method
    do: Do
    within: str = ""  # only calls while this function of the pipeline is at work: "load"
    when: Literal["before", "after"] = "before"
    nth: int = 1
    postmaster: int = 0
    file: str = ""

    def on(self, postmaster: int) -> "Hook":
        return replace(self, postmaster=postmaster)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One night: which day, of which accounts, in which environment, and what goes wrong."""

    day: str | None
    environ: Mapping[str, str]
    accounts: Sequence[Mapping[str, Any]]
    hooks: Sequence[Hook] = ()
    patch: str = ""  # module:function of the helpers, called before the night begins
    patch_with: Mapping[str, Any] = field(default_factory=dict)
    batch_records: int = 50  # of an object; more objects are more points to die at
    calls: Sequence[str] = ()  # functions whose calls are counted


# --- the end that forks ------------------------------------------------------------------------


def _main() -> None:
    import great_expectations  # noqa: F401
    from dbt.adapters.postgres import Plugin  # noqa: F401
    from dbt.cli.main import dbtRunner  # noqa: F401

    import answerable.landing
    import answerable.quality
    import answerable.reports.page
    import answerable.warehouse.load
    import answerable.warehouse.publish  # noqa: F401

    read, write = os.pipe()
    os.set_blocking(write, False)
    os.set_blocking(read, False)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    chooser = selectors.DefaultSelector()
    chooser.register(0, selectors.EVENT_READ)
    chooser.register(read, selectors.EVENT_READ)
    _say(state="ready")
    rest = b""
    while True:
        for key, _ in chooser.select():
            if key.fd == read:
                with suppress(BlockingIOError):
                    os.read(read, 4096)
                continue
            data = os.read(0, 1 << 20)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                _fork(json.loads(line))
        with suppress(ChildProcessError):
            while True:
                pid, code = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                _say(state="ended", pid=pid, code=os.waitstatus_to_exitcode(code))


def _say(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _fork(asked: dict[str, Any]) -> None:
    pid = os.fork()
    if pid:
        _say(state="began", token=asked["token"], pid=pid)
        return
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        out = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number in (1, 2):
            os.dup2(out, number)
        faulthandler.register(signal.SIGUSR1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = _night(asked)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _night(asked: dict[str, Any]) -> int:
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    from answerable import pipeline
    from answerable.landing import batch
    from answerable.sources import Connection
    from answerable.warehouse import load

    batch.RECORDS = asked["batch_records"]
    load.CHUNK_RECORDS = max(10, asked["batch_records"] // 2)
    if asked["patch"]:
        module, _, name = asked["patch"].partition(":")
        getattr(importlib.import_module(module), name)(**asked["patch_with"])
    counted = {name: _counting(name) for name in asked["calls"]}
    for hook in asked["hooks"]:
        _set(Hook(**hook))
    told: dict[str, Any] = {"error": None, "receipts": {}}
    try:
        accounts = [Connection.from_dict(each) for each in asked["accounts"]]
        told |= pipeline.run_night(asked["day"], connections=accounts, is_sandbox=True)
        return 0
    except Exception as error:
        traceback.print_exc()
        told["error"] = f"{type(error).__name__}: {error}"
        return 1
    finally:
        told["calls"] = {name: calls[0] for name, calls in counted.items()}
        Path(asked["result"]).write_text(json.dumps(told, default=str), encoding="utf-8")


def _resolve(path: str) -> tuple[Any, str]:
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:-1]:
            owner = getattr(owner, name)
        getattr(owner, parts[-1])  # a hook on nothing would watch nothing
        return owner, parts[-1]
    raise LookupError(path)


def _counting(path: str) -> list[int]:
    owner, name = _resolve(path)
    inner, calls = getattr(owner, name), [0]

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        return inner(*args, **kwargs)

    setattr(owner, name, counted)
    return calls


def _at_work(step: str) -> list[int]:
    """How many calls of a step of the pipeline are under way."""
    owner, name = _resolve(f"answerable.pipeline.{step}")
    inner, under_way = getattr(owner, name), [0]

    def counted(*args: Any, **kwargs: Any) -> Any:
        under_way[0] += 1
        try:
            return inner(*args, **kwargs)
        finally:
            under_way[0] -= 1

    setattr(owner, name, counted)
    return under_way


def _set(hook: Hook) -> None:
    owner, name = _resolve(hook.at)
    inner, calls = getattr(owner, name), [0]
    under_way = _at_work(hook.within) if hook.within else [1]
    one_at_a_time = threading.Lock()

    def hooked(*args: Any, **kwargs: Any) -> Any:
        if not under_way[0]:
            return inner(*args, **kwargs)
        with one_at_a_time:
            calls[0] += 1
            is_due = calls[0] == hook.nth
        if is_due and hook.when == "before":
            _do(hook)
        found = inner(*args, **kwargs)
        if is_due and hook.when == "after":
            _do(hook)
        return found

    setattr(owner, name, hooked)


def _do(hook: Hook) -> None:
    if hook.do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif hook.do.startswith("quit_server"):
        os.kill(hook.postmaster, signal.SIGQUIT)
        if hook.do == "quit_server":
            time.sleep(0.3)
    elif hook.do == "wait":
        Path(f"{hook.file}.waited_for").touch()
        until = time.monotonic() + 60
        while not os.path.exists(hook.file) and time.monotonic() < until:
            time.sleep(0.02)
    elif hook.do == "forget_answer":
        raise ConnectionError("the answer was lost on its way")
    elif hook.do == "fail":
        raise RuntimeError("a step failed")


# --- the end that asks -------------------------------------------------------------------------


@dataclass
class Night:
    """A night that was begun in a process of its own."""

    pid: int
    output: Path
    result: Path
    ended: threading.Event = field(default_factory=threading.Event)
    code: int | None = None

    def end(self, seconds: int = 180) -> "Night":
        """Wait for it. Second by second: a machine that was put to sleep takes away one of them."""
        for _ in range(seconds):
            if self.ended.wait(1):
                return self
        os.kill(self.pid, signal.SIGUSR1)  # says where each thread stands
        self.ended.wait(2)
        self.kill()
        raise AssertionError(f"the night did not end in {seconds} s:\n{self.said[-9000:]}")

    def kill(self) -> None:
        """SIGKILL to the night and to all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.ended.wait(30)

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    @property
    def told(self) -> dict[str, Any]:
        """What `run_night` gave; empty where the night was killed."""
        if not self.result.exists():
            return {"receipts": {}, "error": "killed", "calls": {}}
        return json.loads(self.result.read_text(encoding="utf-8"))

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Forks:
    """The process that forks nights, from the outside."""

    def __init__(self) -> None:
        paths = os.pathsep.join([str(ROOT / "plugins"), str(Path(__file__).parent)])
        self._folder = Path(tempfile.mkdtemp(prefix="nights"))
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=dict(os.environ) | {"PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._nights: dict[int, Night] = {}
        self._begun: dict[str, Night] = {}
        self._news = threading.Condition()
        self._count = 0
        assert json.loads(self._process.stdout.readline()) == {"state": "ready"}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout:
            news = json.loads(line)
            with self._news:
                if news["state"] == "began":
                    night = Night(
                        news["pid"],
                        self._folder / f"{news['token']}.txt",
                        self._folder / f"{news['token']}.json",
                    )
                    self._nights[news["pid"]] = self._begun[news["token"]] = night
                else:
                    night = self._nights.pop(news["pid"])
                    night.code = news["code"]
                    night.ended.set()
                self._news.notify_all()

    def begin(self, request: Request) -> Night:
        self._count += 1
        token = str(self._count)
        asked = {
            "token": token,
            "output": str(self._folder / f"{token}.txt"),
            "result": str(self._folder / f"{token}.json"),
            **{name: getattr(request, name) for name in Request.__slots__},
        }
        asked["hooks"] = [
            {name: getattr(hook, name) for name in Hook.__slots__} for hook in request.hooks
        ]
        with self._news:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
            assert self._news.wait_for(lambda: token in self._begun, timeout=30), "no fork"
            return self._begun.pop(token)

    def close(self) -> None:
        for night in list(self._nights.values()):
            night.kill()
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


if __name__ == "__main__":
    _main()
