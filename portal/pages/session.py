"""The pages of signing in and out, the list of one's sessions, and the choice of language."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from models.base import Value
from models.errors import KeydeskError
from models.outlook import Language
from models.principal import Principal
from models.session import SignInMethod
from models.text import Identifier
from portal.auth import PUBLIC, signed_in
from portal.language import remember
from portal.page import SIGN_IN, failure, filled, go_on, page_router, read_form
from portal.pages.template import page
from portal.return_address import own_path
from portal.sign_in import RETURN
from portal.state import State
from portal.visit import visit_of
from rules.permission import Act

router = page_router()

Next = Annotated[
    str | None, Query(alias="next", description="Where to go on, a path of this portal.")
]


class _Choice(Value):
    """Who somebody says they are."""

    user_id: Identifier


class _LanguageChoice(Value):
    """The language to go on in."""

    language: Language


@router.get("/sign-in", dependencies=[PUBLIC])
async def sign_in(request: Request, state: State, going_on: Next = None) -> Response:
    """How to sign in here; who is signed in already may change to somebody else."""
    people = await state.sign_in.people(request) if state.sign_in.offers_people(request) else []
    return page(
        request,
        "sign_in",
        people=people,
        provider=state.sign_in.offers_provider,
        next=own_path(going_on),
    )


@router.post("/sign-in/development", dependencies=[PUBLIC])
async def sign_in_as(request: Request, state: State, going_on: Next = None) -> Response:
    """Development only: take somebody's word for who they are."""
    choice = filled(_Choice, await read_form(request))
    person = await state.sign_in.named(request, choice.user_id)
    answer = go_on(own_path(going_on))
    await state.sessions.begin(request, answer, person.user_id, SignInMethod.DEV)
    return answer


@router.get("/sign-in/provider", dependencies=[PUBLIC])
async def leave_for_provider(
    request: Request,
    state: State,
    going_on: Next = None,
) -> Response:
    """Send the browser to the OpenID provider; it takes along what binds the answer to it."""
    journey, address = await state.sign_in.depart(request, own_path(going_on))
    answer = go_on(address)
    state.journeys.give(answer, journey)
    return answer


@router.get(RETURN, dependencies=[PUBLIC])
async def come_back(request: Request, state: State) -> Response:
    """The provider's answer: a session for whom it vouches, or why there is none; either way the journey is over."""
    journey = state.journeys.read(request)
    answer: Response
    try:
        user_id = await state.sign_in.arrive(request, journey)
    except KeydeskError as error:
        answer = failure(request, error)
    else:
        assert journey is not None, "nobody arrives without one"
        answer = go_on(journey.next)
        await state.sessions.begin(request, answer, user_id, SignInMethod.OIDC)
    state.journeys.drop(answer)
    return answer


@router.post("/sign-out", dependencies=[PUBLIC])
async def sign_out(request: Request, state: State) -> Response:
    """End the session of this browser, if it has one."""
    visit = visit_of(request)
    if visit.session is not None:
        await state.sessions.end(visit.session.user_id, visit.session.id)
    answer = go_on(SIGN_IN)
    state.sessions.forget(answer)
    return answer


@router.post("/language", dependencies=[PUBLIC])
async def choose_language(request: Request, state: State, going_on: Next = None) -> Response:
    """Go on in another language, from now on."""
    choice = filled(_LanguageChoice, await read_form(request))
    answer = go_on(own_path(going_on))
    remember(answer, choice.language, secure=state.sessions.secure)
    return answer


@router.get("/sessions")
async def list_sessions(
    request: Request, reader: Annotated[Principal, signed_in(Act.READ_SESSION)], state: State
) -> Response:
    """Where the reader is signed in."""
    found = await state.sessions.open_ones(reader.user_id)
    current = visit_of(request).session
    assert current is not None, "a reader has a session"
    return page(request, "sessions", sessions=found, current_id=current.id)


@router.post("/sessions")
async def end_sessions(
    reader: Annotated[Principal, signed_in(Act.END_SESSION)], state: State
) -> Response:
    """Sign out everywhere, here too."""
    await state.sessions.end_all(reader.user_id)
    answer = go_on(SIGN_IN)
    state.sessions.forget(answer)
    return answer


@router.post("/sessions/{session_id}")
async def end_session(
    session_id: Annotated[Identifier, Path()],
    reader: Annotated[Principal, signed_in(Act.END_SESSION)],
    state: State,
) -> Response:
    """Sign out one browser of one's own."""
    await state.sessions.end(reader.user_id, session_id)
    return go_on("/sessions")
