"""Invariants of mails after they were written: those that came back, and those that their readers do without."""

from models.notification import GROUPS
from storage.invariant import Invariant

_OPTIONAL = ", ".join(f"'{kind}'" for kind in sorted(GROUPS))

NOTICES = (
    Invariant(
        code="N1",
        sentence="A mail that came back says since when, and the audit trail says so too.",
        sql="""
SELECT o.id AS subject, concat_ws('; ',
    format('%s, came back at %s', o.status, coalesce(o.bounced_at::text, 'no time')),
    CASE WHEN o.channel <> 'mail' THEN 'no mail' END) AS detail
FROM outbox o
WHERE (o.status = 'bounced') <> (o.bounced_at IS NOT NULL) OR (o.status = 'bounced' AND o.channel <> 'mail')
UNION ALL
SELECT o.id, 'came back, but no audit row says so'
FROM outbox o
WHERE o.status = 'bounced' AND NOT EXISTS (
  SELECT FROM audit a WHERE a.action = 'notice.bounced' AND a.subject_id = o.id)
""",
    ),
    Invariant(
        code="N2",
        sentence="Only mails that a reader may do without are skipped.",
        sql=f"""
SELECT id AS subject, format('a skipped %s', kind) AS detail
FROM outbox WHERE status = 'skipped' AND kind NOT IN ({_OPTIONAL})
""",  # noqa: S608 - the kinds are our own
    ),
)
