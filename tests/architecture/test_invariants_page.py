"""docs/invariants.md says what the code checks, and names only constraints that the database has."""

import re
from pathlib import Path

from sqlalchemy import text

from storage.engine import Database
from storage.verify import INVARIANTS

PAGE = Path(__file__).parents[2] / "docs" / "invariants.md"
ROWS = re.findall(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)


def test_the_page_states_every_rule_in_the_words_of_the_code() -> None:
    assert [(code, says) for code, says, _ in ROWS] == [(i.code, i.sentence) for i in INVARIANTS]


def test_the_page_names_only_what_refuses(empty_database: Database) -> None:
    named = {name for _, _, refusers in ROWS for name in re.findall(r"`(\w+)`", refusers)}
    with empty_database.reading() as connection:
        known = set(
            connection.execute(
                text(
                    "SELECT conname FROM pg_constraint UNION SELECT indexname FROM pg_indexes"
                    " UNION SELECT relname || suffix FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid,"
                    " (VALUES ('append_only', '_append_only'), ('move', '_move'),"
                    " ('before_statement', '_before_statement'), ('given', '_number_given'),"
                    " ('move', '_first_status'), ('move', '_first_state')) s (trigger, suffix)"
                    " WHERE tgname = trigger"
                )
            ).scalars()
        )
        source = " ".join(connection.execute(text("SELECT prosrc FROM pg_proc")).scalars())

    assert len(named) > 40
    assert {name for name in named - known if f"'{name}'" not in source} == set()
