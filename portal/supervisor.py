"""One supervised process tree: PostgreSQL, Temporal, worker and portal, started in order and stopped in reverse."""

import errno
import os
import shutil
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from integrations.temporal_server import TemporalServer
from models.stack import StackError, StackProblem, out_of_space
from portal.supervised import portal_process, run_step, worker_process
from processes.child import inherited_environment
from processes.interruption import ignore_stop_signals, interruptible
from processes.leftovers import end_recorded, record
from processes.lock import DirectoryLock
from processes.ports import free_ports, require_free
from processes.restarts import RestartBudget
from settings import Mode, RunningStack, Settings
from storage.embedded import EmbeddedPostgres
from workflows.search_attributes import SEARCH_ATTRIBUTES

Say = Callable[[str], None]

_POLL_S = 0.2
_FREE_BYTES_MIN = 128 * 1024 * 1024
_FREE_BYTES_LOW = 32 * 1024 * 1024


class Service(Protocol):
    """Anything the supervisor starts, watches and stops; `start` returns when it can be used."""

    @property
    def pid(self) -> int | None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def alive(self) -> bool: ...

    def last_lines(self) -> str: ...


class Supervisor:
    """Runs the stack of one data directory; what `settings` place elsewhere is used, not started."""

    def __init__(self, settings: Settings, say: Say) -> None:
        data_dir = settings.data_dir.absolute()
        self._settings = settings.model_copy(update={"data_dir": data_dir})
        self._data_dir = data_dir
        self._say = say
        self._lock = DirectoryLock(data_dir)
        self._services: dict[str, Service] = {}
        self._budgets: dict[str, RestartBudget] = {}
        self._disk_warned = False

    def start(self) -> RunningStack:
        """Bring everything up in order; a failure is a StackError, and `stop` undoes what was started."""
        try:
            self._prepare()
            database_url = self._start_postgres()
            temporal_address, ui_url = self._start_temporal()
            stack = RunningStack(
                database_url=database_url,
                temporal_address=temporal_address,
                temporal_ui_url=ui_url,
                portal_url=self._portal_url(),
                data_dir=self._data_dir,
                supervisor_pid=os.getpid(),
            )
            self._start_keydesk(stack)
            self._write_run_file(stack)
        except OSError as error:
            raise self._os_failure(error) from error
        return stack

    def watch(self) -> None:
        """Keep everything running until a signal ends it, or one part cannot be kept alive."""
        while True:
            for name, service in self._services.items():
                if not service.alive():
                    self._revive(name, service)
            self._watch_disk()
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop portal, worker, Temporal and PostgreSQL, in this order."""
        ignore_stop_signals()
        if not self._lock.held:
            return
        self._settings.run_file.unlink(missing_ok=True)
        for service in reversed(self._services.values()):
            service.stop()
        self._services.clear()
        self._pids_file.unlink(missing_ok=True)
        self._lock.release()

    @property
    def _pids_file(self) -> Path:
        return self._data_dir / "pids.json"

    def _prepare(self) -> None:
        # As root PostgreSQL runs as another account, which has to pass; every file inside is closed.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        self._data_dir.mkdir(mode=mode, parents=True, exist_ok=True)
        self._lock.acquire()
        self._settings.run_file.unlink(missing_ok=True)
        if shutil.disk_usage(self._data_dir).free < _FREE_BYTES_MIN:
            raise out_of_space("Too little to start", self._data_dir)
        if count := end_recorded(self._pids_file):
            self._say(f"ended {count} processes that a killed run had left behind")
        self._require_ports()

    def _require_ports(self) -> None:
        settings = self._settings
        require_free(settings.host, settings.port, "the portal", "KEYDESK_PORT")
        if settings.temporal_address is None:
            port, ui_port = settings.temporal_port, settings.temporal_ui_port
            require_free("127.0.0.1", port, "Temporal", "KEYDESK_TEMPORAL_PORT")
            require_free("127.0.0.1", ui_port, "the Temporal UI", "KEYDESK_TEMPORAL_UI_PORT")

    def _start_postgres(self) -> str:
        if self._settings.database_url is not None:
            self._say("PostgreSQL   used where KEYDESK_DATABASE_URL points")
            return self._settings.database_url
        log_file = self._data_dir / "log" / "postgres.log"
        server = EmbeddedPostgres(self._data_dir / "postgres", log_file=log_file)
        self._launch("PostgreSQL", server)
        server.create_database()
        return server.url()

    def _start_temporal(self) -> tuple[str, str]:
        settings = self._settings
        if settings.temporal_address is not None:
            self._say("Temporal     used where TEMPORAL_ADDRESS points")
            return settings.temporal_address, settings.temporal_ui_url or ""
        server = TemporalServer(
            SEARCH_ATTRIBUTES,
            db_filename=self._data_dir / "temporal.db",
            log_file=self._data_dir / "log" / "temporal.log",
            port=settings.temporal_port,
            ui_port=settings.temporal_ui_port,
            namespace=settings.temporal_namespace,
        )
        self._launch("Temporal", server)
        return server.address, server.ui_url

    def _start_keydesk(self, stack: RunningStack) -> None:
        environment = self._environment(stack)
        for step in (
            ("migrate", "seed") if self._settings.mode is Mode.DEVELOPMENT else ("migrate",)
        ):
            began = time.monotonic()
            run_step(step, environment, self._data_dir)
            self._say(f"{step:<12} done  in {time.monotonic() - began:.1f} s")
        self._launch("worker", worker_process(environment, self._data_dir))
        portal = portal_process(environment, self._data_dir, stack.portal_url)
        self._launch("portal", portal)

    def _launch(self, name: str, service: Service) -> None:
        began = time.monotonic()
        self._services[name] = service
        self._budgets[name] = RestartBudget()
        service.start()
        self._record_pids()
        self._say(f"{name:<12} ready in {time.monotonic() - began:.1f} s")

    def _record_pids(self) -> None:
        pids = [service.pid for service in self._services.values()]
        record(self._pids_file, [pid for pid in pids if pid is not None])

    def _revive(self, name: str, service: Service) -> None:
        pause_s = self._budgets[name].pause_after_death()
        lines = textwrap.indent(service.last_lines(), "    ")
        if pause_s is None:
            raise self._keeps_dying(name, lines)
        self._say(f"{name} ended; starting it again in {pause_s:.1f} s. Its last lines:\n{lines}")
        time.sleep(pause_s)
        service.stop()
        try:
            service.start()
        except StackError as error:
            self._say(f"{name} did not come back: {error.message}")
        else:
            self._record_pids()
            self._say(f"{name} is back")

    def _keeps_dying(self, name: str, lines: str) -> StackError:
        if shutil.disk_usage(self._data_dir).free < _FREE_BYTES_LOW:
            return out_of_space(f"The {name} keeps ending", self._data_dir)
        return StackError(
            StackProblem.KEEPS_DYING,
            f"The {name} keeps ending soon after it is started. Its last lines:\n{lines}",
            f"Everything was stopped; the logs are in {self._data_dir / 'log'}.",
        )

    def _watch_disk(self) -> None:
        low = shutil.disk_usage(self._data_dir).free < _FREE_BYTES_LOW
        if low and not self._disk_warned:
            self._say(f"the disk that holds {self._data_dir} is nearly full: free some space")
        self._disk_warned = low

    def _portal_url(self) -> str:
        host = self._settings.host
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
        return f"http://{shown}:{self._settings.port}"

    def _environment(self, stack: RunningStack) -> dict[str, str]:
        """Our own environment and where everything is; a given database URL is inherited as it came."""
        settings = self._settings
        places = {
            "KEYDESK_DATA_DIR": str(self._data_dir),
            "KEYDESK_HOST": settings.host,
            "KEYDESK_PORT": str(settings.port),
            "KEYDESK_TEMPORAL_UI_URL": stack.temporal_ui_url,
            "TEMPORAL_ADDRESS": stack.temporal_address,
            "TEMPORAL_NAMESPACE": settings.temporal_namespace,
        }
        if settings.database_url is None:
            places["KEYDESK_DATABASE_URL"] = stack.database_url
        embedded_temporal = settings.temporal_address is None
        return inherited_environment(
            places, without_prefix="TEMPORAL_" if embedded_temporal else None
        )

    def _write_run_file(self, stack: RunningStack) -> None:
        """For our other commands; only we may read it, and nobody ever sees half of it."""
        unfinished = self._settings.run_file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(stack.model_dump_json())
        unfinished.replace(self._settings.run_file)

    def _os_failure(self, error: OSError) -> StackError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return out_of_space("The stack cannot start", self._data_dir)
        return StackError(
            StackProblem.START_FAILED,
            f"The data directory {self._data_dir} cannot be used: {error}.",
            "Check its permissions, or set KEYDESK_DATA_DIR to another directory.",
        )


@contextmanager
def own_stack(settings: Settings, say: Say = lambda _line: None) -> Iterator[RunningStack]:
    """A whole stack for one purpose: free ports and a temporary data directory, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="keydesk-") as directory, interruptible():
        # PostgreSQL's account has to pass; nothing can be listed.
        Path(directory).chmod(0o711)
        portal, temporal, temporal_ui = free_ports(3)
        places = {
            "data_dir": Path(directory),
            "port": portal,
            "temporal_port": temporal,
            "temporal_ui_port": temporal_ui,
            "database_url": None,
            "temporal_address": None,
        }
        supervisor = Supervisor(settings.model_copy(update=places), say)
        try:
            yield supervisor.start()
        finally:
            supervisor.stop()
