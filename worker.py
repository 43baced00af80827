"""The composition root of the worker: settings → database, notifier, activities → Temporal worker."""

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.approval import ApprovalActivities
from activities.cancellation import CancellationActivities
from activities.credit import CreditActivities
from activities.decision import DecisionActivities
from activities.delivery import DeliveryActivities
from activities.failure import SafeFailures
from activities.order import OrderActivities
from activities.outbox import OutboxActivities
from activities.outside_ticket import OutsideTicketActivities
from activities.product_key import ProductKeyActivities
from activities.replacement import ReplacementActivities
from activities.statement import StatementActivities
from activities.ticket import TicketActivities
from activities.undo import UndoActivities
from integrations.cipher.ring import RingCipher
from integrations.notifier.directory import DirectoryNotifier
from integrations.notifier.protocol import Notifier
from integrations.notifier.render import Renderer
from integrations.notifier.smtp import SmtpNotifier
from integrations.secret_files import ensure_secrets
from integrations.temporal import connect
from integrations.webhook.address import Resolver
from integrations.webhook.http import HttpSender
from models.statement import Issuer
from portal.desk import Desk
from portal.relay import Relay
from portal.relaying import relaying
from portal.ticket_desk import open_ticket_desk
from settings import Mode, Settings, issuer_of
from storage.engine import Database, Fault, no_fault
from workflows.cancellation import CancellationWorkflow
from workflows.delivery import DeliveryWorkflow
from workflows.outbox import OutboxWorkflow
from workflows.outside_ticket import OutsideDeskWorkflow
from workflows.purchase import PurchaseWorkflow
from workflows.replacement import ReplacementWorkflow
from workflows.statement import StatementWorkflow

WORKFLOWS = [
    PurchaseWorkflow,
    CancellationWorkflow,
    OutboxWorkflow,
    DeliveryWorkflow,
    OutsideDeskWorkflow,
    StatementWorkflow,
    ReplacementWorkflow,
]
GRACE = timedelta(seconds=5)
NAMELESS = Issuer(name="Keydesk")
_THREADS = 24
_CONNECTIONS = 16
_CONNECT_EVERY_S = 2

log = structlog.get_logger()


def build_worker(
    client: Client,
    database: Database,
    outbox: OutboxActivities,
    cipher: RingCipher,
    *,
    task_queue: str,
    deliveries: DeliveryActivities | None = None,
    low_stock: int = 0,
    issuer: Issuer = NAMELESS,
    outside: OutsideTicketActivities | None = None,
    **options: Any,
) -> Worker:
    """A worker for all workflows and activities; tests and benchmarks build theirs here too.

    Workflows run outside the SDK's sandbox, which costs a third of a cancellation's processor time;
    the workflow tests run them inside it, so that what it forbids is found there (ADR 12).
    """
    chosen: dict[str, Any] = {
        "graceful_shutdown_timeout": GRACE,
        "workflow_runner": UnsandboxedWorkflowRunner(),
    }
    posting = deliveries or DeliveryActivities(
        database, cipher, HttpSender(Resolver(private_allowed=False))
    )
    beside = outside or OutsideTicketActivities(database, None)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=[
            *_activities(database, cipher, low_stock, issuer),
            outbox.deliver_notices,
            posting.deliver_events,
            beside.keep_in_step,
        ],
        activity_executor=ThreadPoolExecutor(_THREADS, thread_name_prefix="activity"),
        max_concurrent_activities=_CONNECTIONS,
        max_concurrent_local_activities=_CONNECTIONS,
        interceptors=[SafeFailures()],
        **chosen | options,
    )


def _activities(
    database: Database, cipher: RingCipher, low_stock: int, issuer: Issuer
) -> list[Any]:
    order = OrderActivities(database)
    key = ProductKeyActivities(database, cipher, low_stock)
    cancellation = CancellationActivities(database)
    ticket = TicketActivities(database)
    statement = StatementActivities(database, issuer)
    replacement = ReplacementActivities(database, cipher, low_stock)
    return [
        order.validate_order,
        order.charge_order,
        order.open_downloads,
        order.remind_window,
        order.reverse_charge,
        order.finalise_order,
        key.allocate_keys,
        key.suspend_key,
        key.reinstate_key,
        key.revoke_key,
        cancellation.validate_window,
        cancellation.compensate_cancellation,
        ApprovalActivities(database).record_approval,
        UndoActivities(database).record_undo,
        DecisionActivities(database).record_decision,
        CreditActivities(database).book_credit,
        ticket.create_ticket,
        ticket.remind_approvers,
        ticket.escalate_ticket,
        ticket.ask_requester,
        ticket.take_answer,
        ticket.flag_attention,
        ticket.close_ticket,
        ticket.open_stock_incident,
        replacement.suspend_leaked_key,
        replacement.remind_replacement,
        replacement.settle_replacement,
        replacement.issue_key,
        statement.find_due_accounts,
        statement.close_statement,
        statement.typeset_papers,
    ]


def fault_hook(crash_at: str | None) -> Fault:
    """Kill this process hard at the named point, as a power cut would; only tests set one."""
    if crash_at is None:
        return no_fault

    def crash(point: str) -> None:
        if point == crash_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def build_notifier(settings: Settings) -> Notifier:
    """SMTP when a host is configured, else a readable file per mail."""
    if settings.smtp_host is None:
        return DirectoryNotifier(settings.data_dir / "mail", settings.mail_from)
    password = settings.smtp_password
    return SmtpNotifier(
        settings.smtp_host,
        settings.smtp_port,
        sender=settings.mail_from,
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
        starttls=settings.smtp_starttls,
    )


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish what is held, within the grace time."""
    assert settings.database_url is not None, "no KEYDESK_DATABASE_URL and no running stack"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for caught in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(caught, stop.set)
    database = Database(
        settings.database_url, pool_size=_CONNECTIONS, fault=fault_hook(settings.crash_at)
    )
    client = await _connect(settings, stop)
    if client is None:
        return
    public_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    cipher = RingCipher(ensure_secrets(settings).key_ring)
    outbox = OutboxActivities(
        database, build_notifier(settings), Renderer(public_url), marker=cipher
    )
    resolver = Resolver(private_allowed=settings.mode is Mode.DEVELOPMENT)
    ticket_desk = open_ticket_desk(settings)
    worker = build_worker(
        client,
        database,
        outbox,
        cipher,
        task_queue=settings.task_queue,
        deliveries=DeliveryActivities(database, cipher, HttpSender(resolver)),
        low_stock=settings.low_stock,
        issuer=issuer_of(settings),
        outside=OutsideTicketActivities(database, ticket_desk),
        on_fatal_error=_report_fatal,
    )
    desk = Desk(database, client, settings.task_queue)
    relay = Relay(desk, outside_desk=ticket_desk is not None)
    async with worker, relaying(relay, wanted=True):
        _mark_ready(settings.data_dir)
        await stop.wait()
    database.close()


async def _connect(settings: Settings, stop: asyncio.Event) -> Client | None:
    """A worker may start before its Temporal does; it waits, and says so."""
    while not stop.is_set():
        try:
            return await connect(settings.temporal_address, settings.temporal_namespace)
        except RuntimeError:
            log.warning("temporal_away", address=settings.temporal_address)
            await asyncio.sleep(_CONNECT_EVERY_S)
    return None


async def _report_fatal(error: BaseException) -> None:
    log.error("worker_failed", error=type(error).__name__)


def _mark_ready(data_dir: Path) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "worker.ready").write_text(str(os.getpid()), encoding="utf-8")
