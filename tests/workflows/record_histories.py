"""Records one history for every ending of every workflow: `make histories`, after a workflow was changed on purpose."""

import asyncio
import json
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from demo.load import load as read_demo
from integrations.files.local import LocalFiles
from storage.embedded import EmbeddedPostgres
from storage.engine import Database
from storage.migration import upgrade
from storage.policy import add_policies
from storage.seed import load
from tests.fixtures.counter import Counter
from tests.fixtures.postgres import copy_of
from tests.fixtures.ring import CIPHER
from tests.fixtures.temporal import skipping_server
from tests.fixtures.terms import ruling, single_units, two_people, undoable
from tests.fixtures.trouble import Trouble
from tests.fixtures.worker import house
from tests.workflows.scenarios import SCENARIOS

HISTORIES = Path(__file__).parent / "histories"
_TEMPLATE = "template_histories"
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# Where a worker ran and which lines of its files it was in is nobody's business, and replay does not look.
_PRIVATE = frozenset({"identity", "stackTrace"})


@contextmanager
def book() -> Iterator[EmbeddedPostgres]:
    """A server with a template that holds the demo world and one regime more."""
    with TemporaryDirectory(prefix="keydesk-histories-") as directory:
        server = EmbeddedPostgres(Path(directory) / "postgres", durable=False)
        server.start()
        try:
            server.create_database(_TEMPLATE)
            upgrade(server.url(_TEMPLATE))
            database = Database(server.url(_TEMPLATE))
            files = LocalFiles(Path(directory) / "files")
            load(database, read_demo(), CIPHER, files, _LONG_AGO, keys_per_sku=5)
            with database.transaction() as connection:
                add_policies(connection, [ruling(), two_people(), undoable(), single_units()])
            database.close()
            yield server
        finally:
            server.stop()


@asynccontextmanager
async def counter_of(
    server: EmbeddedPostgres, mail: Path
) -> AsyncIterator[tuple[Counter, Trouble]]:
    """A book, a clock and a worker for one scenario."""
    trouble = Trouble()
    async with skipping_server() as clock:
        with copy_of(server, _TEMPLATE) as database:
            database.fault = trouble
            async with house(clock.client, database, mail, run_for=timedelta(seconds=0)) as inside:
                yield Counter(inside, clock), trouble


async def record(server: EmbeddedPostgres, name: str, folder: Path) -> None:
    """Tell one scenario and keep its history."""
    with TemporaryDirectory(prefix="keydesk-mail-") as mail:
        async with counter_of(server, Path(mail)) as (counter, trouble):
            handle = await SCENARIOS[name](counter, trouble)
            history = (await handle.fetch_history()).to_json_dict()
    text = json.dumps(_public(history), indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _public(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _public(held) for key, held in value.items() if key not in _PRIVATE}
    if isinstance(value, list):
        return [_public(held) for held in value]
    return value


def version() -> str:
    """The version of this code, as pyproject.toml has it."""
    project = Path(__file__).parents[2] / "pyproject.toml"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


async def main(names: list[str]) -> None:
    """Record the scenarios named, or all."""
    folder = HISTORIES / version()
    folder.mkdir(parents=True, exist_ok=True)
    with book() as server:
        for name in names or SCENARIOS:
            await record(server, name, folder)
            sys.stdout.write(f"  {name}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
