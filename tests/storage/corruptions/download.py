"""Corruptions of links, of the downloads through them, and of the builds they open."""

from tests.storage.corruptions.shape import Corruption

DOWNLOADS = (
    Corruption(
        "K4",
        "a link that outlived its key",
        "UPDATE download_links SET revoked_at = NULL WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "K4",
        "a link used too often",
        "UPDATE download_links SET uses = max_uses + 1",
        ("download_links.ck_download_links_uses",),
    ),
    Corruption(
        "K4",
        "a link to another product",
        "UPDATE download_links SET file_id = (SELECT id FROM product_files"
        " WHERE sku = 'DG7GMGF0D7FX:0002' LIMIT 1)",
    ),
    Corruption(
        "K50",
        "a use that nobody recorded",
        "UPDATE download_links SET uses = uses + 1 WHERE line_id = :cancelled_line",
    ),
    Corruption("K50", "a download that was forgotten", "DELETE FROM downloads"),
    Corruption(
        "K50",
        "a use without its audit row",
        "DELETE FROM audit WHERE action = 'download.started'",
    ),
    Corruption(
        "K50",
        "a download through an expired link",
        "UPDATE downloads SET started_at = started_at + interval '14 days'",
    ),
    Corruption(
        "K50",
        "a download through a revoked link",
        "UPDATE download_links SET revoked_at = created_at - interval '1 day' WHERE line_id = :cancelled_line",
    ),
    Corruption(
        "K51",
        "a download of another file",
        "UPDATE downloads SET file_id = (SELECT id FROM product_files"
        " WHERE sku = 'DG7GMGF0D7FX:0002' LIMIT 1)",
    ),
    Corruption(
        "K51",
        "a download beyond the end",
        "UPDATE downloads SET stop_byte = stop_byte + 1",
    ),
    Corruption(
        "K51",
        "more served than asked for",
        "UPDATE downloads SET served_bytes = served_bytes + 1",
        ("downloads.ck_downloads_served",),
    ),
    Corruption(
        "K51",
        "a part too many",
        "INSERT INTO downloads SELECT 'dwl_new', link_id, line_id, partner_id, customer_id, file_id, use_number,"
        " 101, started_at, 1, stop_byte FROM downloads",
        ("downloads.ck_downloads_part",),
    ),
    Corruption("K51", "a part of nothing", "UPDATE downloads SET part = 2"),
    Corruption(
        "K51",
        "a part that came a day later",
        "INSERT INTO downloads SELECT 'dwl_new', link_id, line_id, partner_id, customer_id, file_id, use_number,"
        " 2, started_at + interval '1 day', 1, stop_byte FROM downloads",
    ),
    Corruption(
        "K52",
        "two builds of one combination",
        "INSERT INTO product_files SELECT 'fil_new', sku, version, language, bitness, file_name, size_bytes, sha256"
        " FROM product_files LIMIT 1",
        ("uq_product_files_offered",),
    ),
    Corruption(
        "K52",
        "withdrawn for no reason",
        "UPDATE product_files SET withdrawn_at = :now, withdrawn_by = 'usr_olga_operator'",
        ("product_files.ck_product_files_withdrawn_whole",),
    ),
    Corruption(
        "K52",
        "withdrawn behind everybody's back",
        "UPDATE product_files SET withdrawn_at = :now, withdrawn_by = 'usr_olga_operator',"
        " withdrawn_reason = 'Bad.'",
    ),
    Corruption(
        "K52",
        "a download of a withdrawn build",
        "UPDATE product_files SET withdrawn_at = :now - interval '1 year', withdrawn_by = 'usr_olga_operator',"
        " withdrawn_reason = 'Bad.'; "
        "INSERT INTO audit (stream, number, happened_at, actor_id, action, subject_id, details, previous_hash, hash)"
        " SELECT 'house', 1000 + row_number() OVER (), :now, 'usr_olga_operator', 'build.withdrawn', id, '{}', '', ''"
        " FROM product_files",
    ),
)
