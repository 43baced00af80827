"""The frame of the portal: health, pages, headers, metrics, and failures that give nothing away."""

import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import select, text
from temporalio.testing import WorkflowEnvironment

from models.errors import KeydeskError
from models.tables.column import table
from models.tables.order import OrderRow
from models.tables.record import InboxRow
from portal.app import create_app
from portal.problem_codes import PROBLEMS
from settings import AuthKind, Settings
from storage import catalogue
from storage.engine import Database
from tests.factories import BUYER
from tests.fixtures.portal import Portal, bearer, portal_settings, serving
from tests.portal.test_events import event

PAGES = ["/", "/api/docs", "/problems", "/problems/not_found"]


async def test_it_is_alive_and_ready(still_portal: Portal) -> None:
    assert (await still_portal.get("/healthz", None)).json() == {"status": "ok"}
    ready = await still_portal.get("/readyz", None)
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "database": "here", "book_schema": "current", "temporal": "here"},
    )


async def test_it_is_ready_for_events_while_temporal_is_away(
    portal_without_temporal: Portal,
) -> None:
    ready = await portal_without_temporal.get("/readyz", None)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["temporal"] == "away"


async def test_it_is_not_ready_without_its_database(portal_without_database: Portal) -> None:
    ready = await portal_without_database.get("/readyz", None)
    assert (ready.status_code, ready.json()["status"]) == (503, "unready")
    assert (await portal_without_database.get("/healthz", None)).status_code == 200
    assert "keydesk_database_up 0.0" in (await portal_without_database.get("/metrics", None)).text


async def test_it_is_not_ready_over_an_old_schema(portal: Portal, database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    ready = await portal.get("/readyz", None)
    assert (ready.status_code, ready.json()["book_schema"]) == (503, "outdated")


async def test_metrics_count_routes_and_what_waits(portal: Portal) -> None:
    await portal.get("/api/v1/orders/ord_4711")
    await portal.get("/no/such/secret-path")
    await portal.send(event())

    metrics = (await portal.get("/metrics", None)).text

    assert re.search(
        r'keydesk_http_requests_total{method="GET",route="/api/v1/orders/{order_id}",status="404"} 1',
        metrics,
    )
    assert 'keydesk_backlog{box="inbox",status="received"} 1.0' in metrics
    assert re.search(r'keydesk_backlog_oldest_seconds{box="inbox"} \d', metrics)
    assert "keydesk_database_up 1.0" in metrics
    assert "ord_4711" not in metrics
    assert "secret-path" not in metrics


class _Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.followed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        target = named.get("href") or named.get("src")
        if target is not None:
            (self.followed if tag == "a" else self.loaded).append(target)
        assert tag != "script"
        assert "style" not in named


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_foreign_and_links_nowhere_dead(
    still_portal: Portal, path: str
) -> None:
    page = await still_portal.get(path, None)

    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    links = _Links(page.text)
    assert links.loaded == ["/assets/icon.svg", "/assets/portal.css"]
    for link in {*links.loaded, *links.followed}:
        if link.startswith("#"):
            continue
        assert link.startswith("/"), link
        assert (await still_portal.get(link, None)).status_code == 200, link


async def test_the_home_page_leads_to_the_temporal_ui(
    database: Database, key_ring: SecretStr, tmp_path: Path
) -> None:
    made = portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1")
    async with serving(
        made.model_copy(update={"temporal_ui_url": "http://ui.test:8233"})
    ) as portal:
        assert 'href="http://ui.test:8233"' in (await portal.get("/", None)).text


async def test_the_reference_names_every_operation(still_portal: Portal) -> None:
    page = (await still_portal.get("/api/docs", None)).text
    for path in still_portal.app.openapi()["paths"]:
        assert f"<code>{path}</code>" in page


async def test_every_problem_at_a_door_has_a_page(still_portal: Portal) -> None:
    for code, problem in PROBLEMS.items():
        page = await still_portal.get(f"/problems/{code}", None)
        assert (page.status_code, problem.title in page.text) == (200, True), code


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/orders/", 404, "not_found"),
        ("GET", "/problems/nothing", 404, "not_found"),
        ("GET", "/API/V1/orders", 404, "not_found"),
        ("DELETE", "/api/v1/orders", 405, "method_not_allowed"),
        ("PUT", "/events", 405, "method_not_allowed"),
        ("GET", "/api/v1/orders/a%00b", 422, "invalid_request"),
        ("GET", "/api/v1/products/%F0%9F%92%A9", 422, "invalid_request"),
    ],
)
async def test_a_wrong_address_is_a_problem(
    still_portal: Portal, method: str, path: str, status: int, code: str
) -> None:
    headers = {"X-HTTP-Method-Override": "POST"} | bearer(BUYER)
    answer = await still_portal.http.request(method, path, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{code}"
    if status == 405:
        assert answer.headers["Allow"]


async def test_every_answer_has_its_request_id_and_safe_headers(still_portal: Portal) -> None:
    for path in ("/", "/healthz", "/api/v1/orders", "/nothing"):
        answer = await still_portal.http.get(path, headers={"X-Request-Id": "from-the-caller"})
        assert answer.headers["X-Request-Id"] == "from-the-caller"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
    made = await still_portal.http.get("/nothing", headers={"X-Request-Id": 'a"b<script>'})
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["X-Request-Id"])
    assert made.json()["instance"] == made.headers["X-Request-Id"]


async def test_a_fault_of_ours_gives_nothing_away(
    still_portal: Portal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        contact = "alena@vltava-cloud.example"
        raise RuntimeError(f"cannot write {contact}")

    monkeypatch.setattr(catalogue, "list_products", fail)
    structlog.reset_defaults()
    answer = await still_portal.get("/api/v1/products")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    logged = "".join(capsys.readouterr())
    assert answer.headers["X-Request-Id"] in logged
    assert "product.py" in logged
    for told in (answer.text, logged):
        assert "alena" not in told


async def test_what_comes_in_as_an_event_is_done_by_the_portals_own_relay(
    database: Database, temporal_server: WorkflowEnvironment, key_ring: SecretStr, tmp_path: Path
) -> None:
    address = temporal_server.client.service_client.config.target_host
    made = portal_settings(database.url, tmp_path, key_ring, address)
    async with serving(made, relay=True) as portal:
        assert (await portal.send(event())).status_code == 202
        for _ in range(100):
            with database.reading() as connection:
                row = connection.execute(select(table(InboxRow))).one()
                order = connection.execute(select(table(OrderRow))).one_or_none()
            if row.status != "received":
                break
            await asyncio.sleep(0.05)

    assert row.status == "done", row.outcome
    assert order is not None
    assert (order.id, order.placed_at) == (row.resource_id, row.received_at)


async def test_openid_needs_an_issuer_and_its_keys(
    database: Database, key_ring: SecretStr, tmp_path: Path
) -> None:
    made = portal_settings(database.url, tmp_path, key_ring, "127.0.0.1:1")
    app = create_app(made.model_copy(update={"auth": AuthKind.OIDC}))
    with pytest.raises(KeydeskError, match="KEYDESK_OIDC_ISSUER"):
        async with app.router.lifespan_context(app):
            pass


async def test_without_a_database_url_it_says_so() -> None:
    app = create_app(Settings(data_dir=Path("nowhere")))
    with pytest.raises(KeydeskError, match="KEYDESK_DATABASE_URL"):
        async with app.router.lifespan_context(app):
            pass
