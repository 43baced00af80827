"""One effect, one transaction, one business key: the frame in which every change of a case happens."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Connection, func, select, text

from models.ids import Prefix, effect_key, new_id
from models.notice import Channel, NoticeKind, OutboxStatus
from models.outgoing import OutgoingData
from models.step import Step
from models.tables.column import table
from models.tables.record import EffectRow
from storage.engine import Database

Result = TypeVar("Result", bound=BaseModel)

_effects = table(EffectRow)

# One statement for all rows of an effect: three round trips would cost a fifth of its time.
_WRITE = text("""
WITH concluded AS (
  INSERT INTO effects (key, order_id, cancellation_id, happened_at, actor_id, sentence, result)
  SELECT key, order_id, cancellation_id, happened_at, actor_id, sentence, result
  FROM jsonb_populate_record(NULL::effects, CAST(:effect AS jsonb))
), audited AS (
  INSERT INTO audit (stream, happened_at, actor_id, action, subject_id, partner_id, details)
  SELECT stream, happened_at, actor_id, action, subject_id, partner_id, details
  FROM jsonb_populate_recordset(NULL::audit, CAST(:audit AS jsonb))
)
INSERT INTO outbox (id, dedupe_key, channel, kind, order_id, partner_id, customer_id,
                    recipient_id, facts, created_at, status, attempts, next_attempt_at)
SELECT id, dedupe_key, channel, kind, order_id, partner_id, customer_id,
       recipient_id, facts, created_at, status, attempts, next_attempt_at
FROM jsonb_populate_recordset(NULL::outbox, CAST(:outbox AS jsonb))
""")


class Effect:
    """What the work of one step may do besides its own tables: audit, tell people, publish, conclude."""

    def __init__(self, connection: Connection, step: Step, name: str) -> None:
        self.connection = connection
        self.subject_id = step.subject_id
        self.name = name
        self.order_id = step.order_id
        self.at = step.at
        self._at_text = step.at.isoformat()
        self.partner_id = ""
        self.customer_id: str | None = ""
        self._outbox: list[dict[str, Any]] = []
        self._audit: list[dict[str, Any]] = []
        self._concluded: dict[str, Any] | None = None

    def belongs_to(self, partner_id: str, customer_id: str | None) -> None:
        """Name the partner and customer that audit and messages are written for; an inquiry may concern none."""
        self.partner_id = partner_id
        self.customer_id = customer_id

    def audit(self, actor_id: str, action: str, subject_id: str, **details: Any) -> None:
        """Add a row to the audit chain of the order or inquiry; no secrets, no contact data."""
        self._audit.append(
            {
                "stream": self.order_id,
                "happened_at": self._at_text,
                "actor_id": actor_id,
                "action": action,
                "subject_id": subject_id,
                "partner_id": self.partner_id,
                "details": details,
            }
        )

    def tell(self, kind: NoticeKind, recipients: Iterable[str], **facts: Any) -> None:
        """Queue one mail per person; sent after the commit, once, by its dedupe key."""
        for recipient in recipients:
            self._send(
                Channel.MAIL,
                kind,
                f"{self.subject_id}/{self.name}/{kind}/{recipient}",
                facts,
                recipient,
            )

    def publish(self, data: OutgoingData) -> None:
        """Queue one event for the feed and the endpoints."""
        key = f"{self.subject_id}/{self.name}/{data.type}"
        self._send(Channel.EVENT, data.type, key, data.facts(), None)

    def conclude(
        self, actor_id: str, sentence: str, result: Result, cancellation_id: str | None = None
    ) -> Result:
        """State in one sentence what happened (the timeline) and keep the answer for retries."""
        self._concluded = {
            "key": effect_key(self.subject_id, self.name),
            "order_id": self.order_id,
            "cancellation_id": cancellation_id,
            "happened_at": self._at_text,
            "actor_id": actor_id,
            "sentence": sentence,
            "result": result.model_dump(mode="json"),
        }
        return result

    def _send(
        self, channel: Channel, kind: str, key: str, facts: dict[str, Any], recipient: str | None
    ) -> None:
        prefix = Prefix.EVENT if channel is Channel.EVENT else Prefix.NOTICE
        self._outbox.append(
            {
                "id": new_id(prefix),
                "dedupe_key": key,
                "channel": channel,
                "kind": kind,
                "order_id": self.order_id,
                "partner_id": self.partner_id,
                "customer_id": self.customer_id,
                "recipient_id": recipient,
                "facts": facts,
                "created_at": self._at_text,
                "status": OutboxStatus.PENDING,
                "attempts": 0,
                "next_attempt_at": self._at_text,
            }
        )

    def write(self) -> None:
        """Write everything gathered; work that did not conclude leaves nothing and may be tried again."""
        if self._concluded is None:
            assert not self._audit
            assert not self._outbox
            return
        rows = {"effect": self._concluded, "audit": self._audit, "outbox": self._outbox}
        written = {name: json.dumps(row) for name, row in rows.items()}
        self.connection.execute(_WRITE, written)


def perform(
    database: Database,
    step: Step,
    name: str,
    result: type[Result],
    work: Callable[[Effect], Result],
) -> Result:
    """Run `work` once for `<subject>/<name>`; a second call answers what the first one concluded.

    Effects of one order run one after the other (an advisory lock), so concurrent retries meet the
    finished row. `work` that returns without `conclude` changes nothing and is not remembered.
    """
    with database.transaction(name) as connection:
        lock = func.pg_advisory_xact_lock(func.hashtextextended(step.order_id, 0))
        connection.execute(select(lock))
        stored = connection.execute(
            select(_effects.c.result).where(_effects.c.key == effect_key(step.subject_id, name))
        ).scalar_one_or_none()
        if stored is not None:
            return result.model_validate(stored)
        effect = Effect(connection, step, name)
        answer = work(effect)
        effect.write()
        return answer
