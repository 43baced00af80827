"""Invariants of downloads: links that die in time, uses that are all recorded, builds that are what was listed."""

from datetime import timedelta

from rules.download import RESUME_WITHIN
from storage.invariant import Invariant

DOWNLOADS = (
    Invariant(
        code="K4",
        sentence="No download link outlives its cancelled item, its uses or its file's product.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT d.id AS subject, concat_ws('; ',
    CASE WHEN d.revoked_at IS NULL AND s.status = 'cancelled' THEN 'alive though its item is cancelled' END,
    CASE WHEN d.uses > d.max_uses THEN format('used %s times of %s', d.uses, d.max_uses) END,
    CASE WHEN p.sku <> l.sku THEN 'opens a file of another product' END
  ) AS detail
  FROM download_links d
  JOIN software_items s ON s.id = d.software_id
  JOIN order_lines l ON l.id = d.line_id
  JOIN product_files p ON p.id = d.file_id
) f WHERE f.detail <> ''
""",
    ),
    Invariant(
        code="K50",
        sentence="Every use of a link is one recorded download that began while the link lived, with its audit row.",
        sql="""
SELECT l.id AS subject, format('%s uses, %s downloads, %s audit rows', l.uses, d.begun, a.told) AS detail
FROM download_links l
CROSS JOIN LATERAL (
  SELECT count(*) AS begun, coalesce(max(use_number), 0) AS newest
  FROM downloads WHERE link_id = l.id AND part = 1
) d
CROSS JOIN LATERAL (
  SELECT count(*) AS told FROM audit
  WHERE stream = l.order_id AND action = 'download.started' AND subject_id = l.id
) a
WHERE (d.begun, d.newest, a.told) IS DISTINCT FROM (l.uses, l.uses, l.uses)
UNION ALL
SELECT d.id, format('began at %s, the link ended at %s', d.started_at, least(l.expires_at, l.revoked_at))
FROM downloads d JOIN download_links l ON l.id = d.link_id
WHERE d.part = 1 AND (d.started_at >= l.expires_at OR d.started_at > l.revoked_at + :age)
""",
        # The door that serves and the workflow that revokes read two clocks.
        age=timedelta(seconds=60),
    ),
    Invariant(
        code="K51",
        sentence="A download goes on for its use only: of its link's file, inside its bounds, and hours, not days.",
        sql="""
SELECT f.subject, f.detail FROM (
  SELECT d.id AS subject, concat_ws('; ',
    CASE WHEN d.file_id <> l.file_id THEN 'of another file than its link' END,
    CASE WHEN d.stop_byte > p.size_bytes THEN format('up to byte %s of %s', d.stop_byte, p.size_bytes) END,
    CASE WHEN d.served_bytes > d.stop_byte - d.first_byte THEN 'served more than was asked for' END,
    CASE WHEN d.part NOT BETWEEN 1 AND 100 THEN 'in too many parts' END,
    CASE WHEN d.part > 1 AND b.id IS NULL THEN 'goes on with nothing' END,
    CASE WHEN d.started_at > b.started_at + :age THEN 'went on too late' END
  ) AS detail
  FROM downloads d
  JOIN download_links l ON l.id = d.link_id
  JOIN product_files p ON p.id = d.file_id
  LEFT JOIN downloads b ON b.link_id = d.link_id AND b.use_number = d.use_number AND b.part = 1
) f WHERE f.detail <> ''
""",
        age=RESUME_WITHIN,
    ),
    Invariant(
        code="K52",
        sentence="At most one build of a combination is offered; a withdrawn one says who, when and why, is in the "
        "audit trail, and starts no download.",
        sql="""
SELECT min(id) AS subject, format('%s builds of %s %s %s %s are offered', count(*), sku, version, language, bitness)
  AS detail
FROM product_files WHERE withdrawn_at IS NULL GROUP BY sku, version, language, bitness HAVING count(*) > 1
UNION ALL
SELECT p.id, 'withdrawn, but not who, when and why'
FROM product_files p WHERE num_nonnulls(p.withdrawn_at, p.withdrawn_by, p.withdrawn_reason) NOT IN (0, 3)
UNION ALL
SELECT p.id, 'withdrawn without an audit row'
FROM product_files p WHERE p.withdrawn_at IS NOT NULL AND NOT EXISTS (
  SELECT FROM audit a WHERE a.stream = 'house' AND a.action = 'build.withdrawn' AND a.subject_id = p.id)
UNION ALL
SELECT d.id, format('began at %s, its build was withdrawn at %s', d.started_at, p.withdrawn_at)
FROM downloads d JOIN product_files p ON p.id = d.file_id WHERE d.started_at > p.withdrawn_at + :age
""",
        age=timedelta(seconds=60),
    ),
)
