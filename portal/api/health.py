"""Is it alive, is it ready, and how is it doing: for supervisors, load balancers and Prometheus."""

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from models.base import Value
from models.errors import Unavailable
from portal.auth import PUBLIC
from portal.state import PortalState, State
from storage.migration import is_current_on

router = APIRouter(tags=["health"], dependencies=[PUBLIC])


class Health(Value):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Value):
    """Whether requests can be served: `degraded` takes events and reads, while Temporal is away."""

    status: Literal["ready", "degraded", "unready"]
    database: Literal["here", "away"]
    book_schema: Literal["current", "outdated", "unknown"]
    temporal: Literal["here", "away"]


@router.get("/healthz", summary="Does the process answer")
async def healthz() -> Health:
    """Always 200 while it does; asks no neighbour."""
    return Health()


@router.get(
    "/readyz",
    summary="Can requests be served",
    responses={503: {"model": Readiness, "description": "The database is away or outdated."}},
)
async def readyz(state: State, response: Response) -> Readiness:
    """200 also while Temporal is away: events are accepted and everything can be read."""
    schema = await run_in_threadpool(_schema, state)
    temporal = await _is_temporal_here(state)
    if schema != "current":
        response.status_code = 503
    return Readiness(
        status="unready" if schema != "current" else "ready" if temporal else "degraded",
        database="away" if schema == "unknown" else "here",
        book_schema=schema,
        temporal="here" if temporal else "away",
    )


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
def metrics(state: State) -> Response:
    """Requests by route and status, and what waits in inbox and outbox."""
    text = state.metrics.render(state.database, state.clock())
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _schema(state: PortalState) -> Literal["current", "outdated", "unknown"]:
    try:
        with state.database.reading() as connection:
            return "current" if is_current_on(connection) else "outdated"
    except SQLAlchemyError:
        return "unknown"


async def _is_temporal_here(state: PortalState) -> bool:
    try:
        await state.desk.engine.require_up()
    except Unavailable:
        return False
    return True
