"""Renditions: which papers still lack their pages in a language, and keeping pages once."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert as upsert

from models.outlook import Language
from models.rendition import BlankPaper
from models.statement import CreditNote, Statement
from models.tables.column import table
from models.tables.statement import RenditionRow
from storage.engine import Database

_renditions = table(RenditionRow)

_BLANK = text("""
SELECT p.content, p.is_statement, l.language
FROM (
  SELECT id, issued_at, content, true AS is_statement FROM statements
  UNION ALL SELECT id, issued_at, content, false FROM credit_notes
) p
CROSS JOIN unnest(CAST(:languages AS text[])) l (language)
WHERE NOT EXISTS (SELECT FROM renditions r WHERE (r.paper_id, r.language) = (p.id, l.language))
ORDER BY p.issued_at, p.id, l.language
LIMIT :most
""")


def blank_papers(connection: Connection, most: int) -> list[BlankPaper]:
    """Papers that lack their pages in a language, the oldest first."""
    wanted = {"languages": list(Language), "most": most}
    return [
        BlankPaper(
            paper=(Statement if row.is_statement else CreditNote).model_validate_json(row.content),
            language=Language(row.language),
        )
        for row in connection.execute(_BLANK, wanted)
    ]


def keep_rendition(database: Database, blank: BlankPaper, pages: bytes, at: datetime) -> None:
    """Keep the pages; those that somebody else kept meanwhile stay."""
    paper = blank.paper
    is_statement = isinstance(paper, Statement)
    row = upsert(_renditions).values(
        paper_id=paper.id,
        language=blank.language,
        statement_id=paper.id if is_statement else None,
        credit_note_id=None if is_statement else paper.id,
        content=pages,
        sha256=sha256(pages).hexdigest(),
        rendered_at=at,
    )
    with database.transaction("keep_rendition") as connection:
        connection.execute(row.on_conflict_do_nothing())
