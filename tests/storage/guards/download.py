"""Downloads the database refuses: uncounted, through dead links, without end; and builds that are two."""

from tests.storage.guards.shape import ELSEWHERE, Guard, copied

WITHDRAW = (
    "UPDATE product_files SET withdrawn_at = :now, withdrawn_by = 'usr_olga_operator', withdrawn_reason = 'Bad.'"
    " WHERE id = (SELECT file_id FROM download_links WHERE line_id = :credited_line)"
)
MORE = "'dwl_more'"
USED = "UPDATE download_links SET uses = 1 WHERE line_id = :credited_line"


def _download(line: str = "credited_line", **columns: str) -> str:
    """A first transfer through the link of a line, but for some columns."""
    values = {
        "id": "'dwl_new'",
        "link_id": "l.id",
        "line_id": "l.line_id",
        "partner_id": "l.partner_id",
        "customer_id": "l.customer_id",
        "file_id": "l.file_id",
        "use_number": "1",
        "part": "1",
        "started_at": "l.created_at",
        "first_byte": "0",
        "stop_byte": "1",
    } | columns
    return (
        f"INSERT INTO downloads ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM download_links l WHERE l.line_id = :{line}"
    )


DOWNLOADS = (
    Guard(
        "a link used too often",
        "UPDATE download_links SET uses = max_uses + 1",
        "ck_download_links_uses",
    ),
    Guard("a download that no use paid for", _download(), "downloads_live_link"),
    Guard("a download through a revoked link", _download("cancelled_line"), "downloads_live_link"),
    Guard(
        "a download of another tenant",
        f"{USED}; {_download(**ELSEWHERE)}",
        "fk_downloads_link_id_line_id_partner_id_customer_id_file_id",
    ),
    Guard(
        "a download beyond the file's end",
        f"{USED}; {_download(stop_byte='1000000000')}",
        "downloads_live_link",
    ),
    Guard(
        "a download of a withdrawn build",
        f"{USED}; {WITHDRAW}; {_download()}",
        "downloads_live_link",
    ),
    Guard(
        "a download through an expired link",
        f"{USED}; {_download(started_at='l.expires_at')}",
        "downloads_expired",
    ),
    Guard(
        "a download that goes on with nothing",
        f"{USED}; {_download(part='2')}",
        "downloads_going_on",
    ),
    Guard(
        "a download that goes on a day later",
        f"{USED}; {_download()}; "
        + _download(id="'dwl_late'", part="2", started_at="l.created_at + interval '1 day'"),
        "downloads_going_on",
    ),
    Guard(
        "a download without end",
        f"{USED}; {_download()}; {_download(id=MORE, part='101')}",
        "ck_downloads_part",
    ),
    Guard(
        "one part recorded twice",
        f"{USED}; {_download()}; {_download(id=MORE)}",
        "uq_downloads_link_id_use_number_part",
    ),
    Guard(
        "more served than was asked for",
        f"{USED}; {_download(ended_at=':now', served_bytes='2')}",
        "ck_downloads_served",
    ),
    Guard(
        "an end without its bytes",
        f"{USED}; {_download(ended_at=':now')}",
        "ck_downloads_ended",
    ),
    Guard(
        "an end that is told anew",
        "UPDATE downloads SET served_bytes = 0",
        "downloads_said_once",
    ),
    Guard(
        "two builds of one combination",
        copied("product_files", "id = (SELECT min(id) FROM product_files)", id="'fil_new'"),
        "uq_product_files_offered",
    ),
    Guard(
        "a withdrawal without a reason",
        "UPDATE product_files SET withdrawn_at = :now, withdrawn_by = 'usr_olga_operator'",
        "ck_product_files_withdrawn_whole",
    ),
    Guard(
        "a build that comes back",
        f"{WITHDRAW}; UPDATE product_files SET withdrawn_at = NULL, withdrawn_by = NULL, withdrawn_reason = NULL"
        " WHERE withdrawn_at IS NOT NULL",
        "product_files_said_once",
    ),
    Guard(
        "a build with other content",
        "UPDATE product_files SET sha256 = 'other'",
        "product_files_frozen",
    ),
)
