"""What people choose to be told, in the book."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from models.notification import NotificationChoice, Notifications
from models.outlook import Language
from models.principal import Principal
from models.tables.column import table
from models.tables.notification import NoticeOffRow
from models.tables.principal import PartnerRow, UserRow
from models.tables.record import AuditRow
from storage.engine import Database
from storage.key_import import HOUSE_STREAM

off = table(NoticeOffRow)
_users = table(UserRow)
_partners = table(PartnerRow)
_audit = table(AuditRow)


def notifications_of(connection: Connection, user_id: str) -> Notifications:
    """What a person chose, and what that comes to."""
    row = connection.execute(
        select(_users.c.language, _users.c.time_zone, _partners.c.language.label("partners"))
        .join(_partners, _partners.c.id == _users.c.partner_id, isouter=True)
        .where(_users.c.id == user_id)
    ).one()
    chosen = connection.execute(select(off.c.notice_group).where(off.c.user_id == user_id))
    return Notifications(
        language=row.language,
        time_zone=row.time_zone,
        off=frozenset(chosen.scalars()),
        mail_language=row.language or row.partners or Language.ENGLISH,
    )


def choose_notifications(
    database: Database, principal: Principal, choice: NotificationChoice, at: datetime
) -> Notifications:
    """Keep the choice in place of the one before; a repeat changes nothing and leaves no second trace."""
    user_id = principal.user_id
    with database.transaction() as connection:
        # Two choices at once come one after the other, whole.
        connection.execute(select(_users.c.id).where(_users.c.id == user_id).with_for_update())
        before = notifications_of(connection, user_id)
        if choice == NotificationChoice.model_validate(
            before.model_dump(exclude={"mail_language"})
        ):
            return before
        connection.execute(
            update(_users)
            .where(_users.c.id == user_id)
            .values(language=choice.language, time_zone=choice.time_zone)
        )
        gone = before.off - choice.off
        connection.execute(
            delete(off).where(off.c.user_id == user_id, off.c.notice_group.in_(gone))
        )
        added = sorted(choice.off - before.off)
        if added:
            rows = [{"user_id": user_id, "notice_group": group, "since": at} for group in added]
            connection.execute(insert(off), rows)
        connection.execute(
            insert(_audit).values(
                stream=principal.partner_id or HOUSE_STREAM,
                happened_at=at,
                actor_id=user_id,
                action="notifications.chosen",
                subject_id=user_id,
                partner_id=principal.partner_id,
                details=choice.model_dump(mode="json") | {"off": sorted(choice.off)},
            )
        )
        return notifications_of(connection, user_id)
