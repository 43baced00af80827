"""Key files: the CSV that `keydesk import-keys` reads, with the number of every line kept."""

import csv
import hashlib
import io
from pathlib import Path

from pydantic import SecretStr

from models.errors import Invalid
from models.key_import import KeyFile, KeyLine

_COLUMNS = {"sku", "product_key"}


def read_key_file(path: Path) -> KeyFile:
    """Every line of the file; what a line holds is judged later, the file itself is judged here."""
    try:
        raw = path.read_bytes()
        reader = csv.DictReader(
            io.StringIO(raw.decode("utf-8-sig"), newline=""), restkey="", restval="", strict=True
        )
        if set(reader.fieldnames or ()) != _COLUMNS:
            raise Invalid(
                "key_file_columns", f"{path.name} needs exactly the columns sku,product_key."
            )
        lines = tuple(_line(reader.line_num, row) for row in reader)
    except OSError as error:
        raise Invalid("key_file_unreadable", f"{path.name}: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error):
        # The cause is cut off: it may repeat what stands in the file.
        raise Invalid("key_file_unreadable", f"{path.name} is no CSV in UTF-8.") from None
    return KeyFile(sha256=hashlib.sha256(raw).hexdigest(), lines=lines)


def _line(number: int, row: dict[str, str]) -> KeyLine:
    """A line with more fields than columns holds no key that could be told from the rest."""
    surplus = "" in row
    product_key = "" if surplus else row["product_key"].strip()
    return KeyLine(row=number, sku=row["sku"].strip(), product_key=SecretStr(product_key))
