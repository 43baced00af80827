"""Statements and credit notes over the API: as they were issued, as JSON or as PDF."""

import json
from typing import Annotated, Any

from fastapi import Query, Request, Response

from models.errors import NotFound, Unavailable
from models.outlook import Language
from models.principal import Principal
from models.statement import (
    CreditNote,
    CreditNoteSummary,
    NumberSeries,
    Statement,
    StatementSummary,
)
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.pagination import ByInstant, Page
from portal.state import State
from rules.permission import Act
from storage import statement_view

router = door("statements")

_PDF = "application/pdf"
_JSON = ("application/json", "application/*", "*/*")
_RETRY_S = 5
_HEADERS = {"Cache-Control": "private, no-store", "Vary": "Accept"}

Reader = Annotated[Principal, allow(Act.READ_STATEMENT)]
Lang = Annotated[Language, Query(description="The language of the PDF.")]


def _described(paper: type[Statement] | type[CreditNote]) -> dict[int | str, dict[str, Any]]:
    pdf = {_PDF: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"model": paper, "content": pdf}}


@router.get("/statements", summary="List statements")
def list_statements(caller: Reader, state: State, paging: ByInstant) -> Page[StatementSummary]:
    """Newest first."""
    with state.database.reading() as connection:
        found = statement_view.list_statements(
            connection, caller, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda statement: (statement.issued_at, statement.id))


@router.get(
    "/statements/{statement_id}",
    summary="Read one statement",
    response_model=None,
    responses=_described(Statement),
)
def read_statement(
    statement_id: Identifier,
    caller: Reader,
    state: State,
    request: Request,
    lang: Lang = Language.ENGLISH,
) -> Response:
    """The bytes that were issued. `Accept: application/pdf` gets the pages instead."""
    paper = _Paper(state, caller, NumberSeries.STATEMENT, statement_id)
    return paper.pages(lang) if _wants_pdf(request) else paper.document()


@router.get(
    "/statements/{statement_id}/document",
    summary="Read one statement as PDF",
    response_class=Response,
    responses={200: {"content": {_PDF: {}}}},
)
def read_statement_document(
    statement_id: Identifier, caller: Reader, state: State, lang: Lang = Language.ENGLISH
) -> Response:
    """Its pages in a language; the same bytes for ever."""
    return _Paper(state, caller, NumberSeries.STATEMENT, statement_id).pages(lang)


@router.get("/credit-notes", summary="List credit notes")
def list_credit_notes(caller: Reader, state: State, paging: ByInstant) -> Page[CreditNoteSummary]:
    """Newest first."""
    with state.database.reading() as connection:
        found = statement_view.list_credit_notes(
            connection, caller, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda note: (note.issued_at, note.id))


@router.get(
    "/credit-notes/{credit_note_id}",
    summary="Read one credit note",
    response_model=None,
    responses=_described(CreditNote),
)
def read_credit_note(
    credit_note_id: Identifier,
    caller: Reader,
    state: State,
    request: Request,
    lang: Lang = Language.ENGLISH,
) -> Response:
    """The bytes that were issued. `Accept: application/pdf` gets the pages instead."""
    paper = _Paper(state, caller, NumberSeries.CREDIT_NOTE, credit_note_id)
    return paper.pages(lang) if _wants_pdf(request) else paper.document()


@router.get(
    "/credit-notes/{credit_note_id}/document",
    summary="Read one credit note as PDF",
    response_class=Response,
    responses={200: {"content": {_PDF: {}}}},
)
def read_credit_note_document(
    credit_note_id: Identifier, caller: Reader, state: State, lang: Lang = Language.ENGLISH
) -> Response:
    """Its pages in a language; the same bytes for ever."""
    return _Paper(state, caller, NumberSeries.CREDIT_NOTE, credit_note_id).pages(lang)


class _Paper:
    """One paper that the caller may see; NotFound alike for others' and for none."""

    def __init__(
        self, state: State, caller: Principal, series: NumberSeries, paper_id: str
    ) -> None:
        self._state = state
        self._id = paper_id
        with state.database.reading() as connection:
            content = statement_view.find_paper(connection, caller, series, paper_id)
        if content is None:
            raise NotFound(series.replace("_", " "))
        self._content = content

    def document(self) -> Response:
        """As JSON."""
        return Response(self._content, media_type=_JSON[0], headers=_HEADERS)

    def pages(self, language: Language) -> Response:
        """As PDF; Unavailable in the moments before it is typeset."""
        with self._state.database.reading() as connection:
            pages = statement_view.find_pages(connection, self._id, language)
        if pages is None:
            raise Unavailable(
                "pages_not_ready",
                "The pages are still being made; ask again in a moment.",
                retry_after_s=_RETRY_S,
            )
        name = json.loads(self._content)["number"]
        shown = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
        return Response(pages, media_type=_PDF, headers=_HEADERS | shown)


def _wants_pdf(request: Request) -> bool:
    """Whether a PDF is asked for before anything that JSON would answer."""
    asked = [
        part.partition(";")[0].strip() for part in request.headers.get("accept", "").split(",")
    ]
    known = [media for media in asked if media == _PDF or media in _JSON]
    return bool(known) and known[0] == _PDF
