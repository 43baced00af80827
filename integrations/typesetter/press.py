"""Typesetting with typst: the same paper gives the same bytes; the fonts are the package's, and nothing is fetched."""

from pathlib import Path
from typing import Final

import typst

from integrations.typesetter.sheet import sheet_of
from models.outlook import Language
from models.statement import CreditNote, Statement

_HERE = Path(__file__).parent
_TEMPLATE = _HERE / "paper.typ"
_ARCHIVAL: Final = "a-2u"
"""PDF/A: fonts embedded, text that can be read out and searched, to be kept for years."""


def typeset(paper: Statement | CreditNote, language: Language) -> bytes:
    """The paper as a PDF, dated with the day of issue, on as many A4 pages as it takes."""
    compiler = typst.Compiler(_TEMPLATE, root=_HERE, ignore_system_fonts=True)
    pages = compiler.compile(
        format="pdf",
        sys_inputs={"sheet": sheet_of(paper, language).model_dump_json()},
        pdf_standards=_ARCHIVAL,
        timestamp=int(paper.issued_at.timestamp()),
    )
    assert isinstance(pages, bytes)
    return pages
