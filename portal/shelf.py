"""Which shelves builds and attachments lie on: local directories, or a bucket that KEYDESK_FILES_URL names."""

from urllib.parse import urlsplit

from integrations.files.local import LocalFiles
from integrations.files.protocol import Files
from models.errors import KeydeskError
from settings import Settings


def open_shelf(settings: Settings) -> Files:
    """The shelf of these settings; nothing is asked of it yet."""
    if settings.files_url is None:
        return LocalFiles(settings.data_dir / "files")
    return _open_bucket(settings, settings.files_url)


def open_attachments(settings: Settings) -> Files:
    """The shelf of attachments, apart from that of builds and for nobody else on this machine."""
    if settings.files_url is None:
        return LocalFiles(settings.data_dir / "attachments", private=True)
    return _open_bucket(settings, settings.files_url).within("attachments")


def _open_bucket(settings: Settings, url: str) -> Files:
    place = urlsplit(url)
    if place.scheme != "s3" or not place.netloc:
        raise KeydeskError(
            "files_url_invalid", "KEYDESK_FILES_URL is s3://<bucket>/<prefix>, or is left out."
        )
    # Its client library is not loaded where files lie on the local disk.
    from integrations.files.s3 import Bucket, S3Files

    return S3Files(
        Bucket(
            name=place.netloc,
            prefix=place.path.strip("/"),
            endpoint=settings.files_endpoint,
            region=settings.files_region,
            access_key_id=settings.files_access_key_id,
            secret_access_key=settings.files_secret_access_key,
        )
    )
