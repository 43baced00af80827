"""Downloads over the API: the builds of an item, links to them, and who took what; withdrawing a bad build."""

from typing import Annotated

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from models.base import Value
from models.catalogue import ProductFile
from models.download import (
    BuildWithdrawal,
    Download,
    DownloadLink,
    LinkRequest,
    VersionChoice,
    WithdrawnBuild,
)
from models.ids import Prefix
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ById, Page
from portal.state import State
from rules.download import choices
from rules.permission import Act
from storage import download, product_file

router = door("downloads")


class Downloads(Value):
    """The builds that can be downloaded, as a list, and as what to choose first, second and last."""

    items: tuple[ProductFile, ...]
    versions: tuple[VersionChoice, ...]


@router.get("/software/{software_id}/downloads", summary="List the builds of an item")
def list_builds(
    software_id: Identifier,
    caller: Annotated[Principal, allow(Act.GET_DOWNLOAD)],
    state: State,
) -> Downloads:
    """Newest version first; none while the item is not active.

    `versions` offers version, then language, then bitness: only combinations that exist, each ending in a `file_id`.
    """
    with state.database.reading() as connection:
        builds = download.downloads_of(connection, caller, software_id)
    return Downloads(items=builds, versions=choices(builds))


@router.get("/software/{software_id}/download-links", summary="List the download links of an item")
def list_download_links(
    software_id: Identifier,
    caller: Annotated[Principal, allow(Act.GET_DOWNLOAD)],
    state: State,
    paging: ById,
) -> Page[DownloadLink]:
    """Newest first, with how each stands; their addresses are not shown again."""
    with state.database.reading() as connection:
        found = download.list_links(
            connection,
            caller,
            software_id,
            state.clock(),
            after=paging.after,
            limit=paging.probe,
        )
    return paging.page(found, lambda link: link.id)


@router.post(
    "/software/{software_id}/download-links", status_code=201, summary="Make a download link"
)
async def create_download_link(
    software_id: Identifier,
    request: LinkRequest,
    caller: Annotated[Principal, allow(Act.GET_DOWNLOAD)],
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.LINK)],
) -> DownloadLink:
    """Its addresses are shown here only; it expires, counts its uses and dies with the key.

    Another one can be made at any time.
    """
    response.headers["Cache-Control"] = "no-store"
    receipt = await take_receipt()
    return await state.downloads.create_link(software_id, request, receipt, caller)


@router.post(
    "/software/{software_id}/download-links/{link_id}/revocation", summary="Revoke a download link"
)
async def revoke_download_link(
    software_id: Identifier,
    link_id: Identifier,
    caller: Annotated[Principal, allow(Act.GET_DOWNLOAD)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> DownloadLink:
    """For a link that went to the wrong people: it is dead from now on, like one that never was."""
    receipt = await take_receipt()
    return await run_in_threadpool(
        download.revoke_link, state.database, software_id, link_id, caller, receipt.received_at
    )


@router.get(
    "/software/{software_id}/download-links/{link_id}/downloads",
    summary="List the downloads through a link",
)
def list_downloads(
    software_id: Identifier,
    link_id: Identifier,
    caller: Annotated[Principal, allow(Act.GET_DOWNLOAD)],
    state: State,
    paging: ById,
) -> Page[Download]:
    """Every transfer, newest first: which use paid for it, which bytes, and whether it finished."""
    with state.database.reading() as connection:
        found = download.list_downloads(
            connection, caller, software_id, link_id, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda one: one.id)


@router.post("/products/{sku}/builds/{file_id}/withdrawal", summary="Withdraw a bad build")
async def withdraw_build(
    sku: Identifier,
    file_id: Identifier,
    request: BuildWithdrawal,
    caller: Annotated[Principal, allow(Act.WITHDRAW_BUILD)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> WithdrawnBuild:
    """It is offered no longer and its links are dead; the row stays, and no import brings it back unasked."""
    receipt = await take_receipt()
    return await run_in_threadpool(
        product_file.withdraw_build,
        state.database,
        sku,
        file_id,
        request.reason,
        caller,
        receipt.received_at,
    )
