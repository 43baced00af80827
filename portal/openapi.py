"""openapi.json: what FastAPI derives, with the one problem shape for every failure."""

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from portal.problems import Problem

VERSION = "1"
DESCRIPTION = """\
Every POST takes an `Idempotency-Key`: the same key with the same body is the same request, done once,
and the instant of the first try counts. Lists come in keyset pages: pass a page's `next` as `after`.
Failures are RFC 9457 problems with a stable `code`; `/problems` explains each.
Instants are RFC 3339 in UTC, amounts are integers in minor units."""


def install(app: FastAPI) -> None:
    """Let the app describe itself this way, once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of the API."""
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
    )
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    return schema


def render(app: FastAPI) -> str:
    """The text of openapi.json."""
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
