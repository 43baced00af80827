"""Requests that another site made a browser send: refused before anything reads them (W3C Fetch Metadata)."""

from urllib.parse import urlsplit

from fastapi import Request

from models.errors import Forbidden

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


def refuse_foreign_sites(request: Request, public_url: str, session_cookie: str) -> None:
    """Forbidden for a changing request that did not come from a page of ours, or from the person's own hand.

    Browsers say where a request comes from in `Sec-Fetch-Site`; older ones, and all on plain HTTP, in
    `Origin`. What says neither is no browser, and is let through as long as it brings no session.
    """
    if request.method in _SAFE_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        allowed = site in _OWN_SITES
    elif origin is not None:
        allowed = origin in _own_origins(request, public_url)
    else:
        allowed = session_cookie not in request.cookies
    if not allowed:
        raise Forbidden("foreign_site", "This was sent from another site, and nothing was done.")


def _own_origins(request: Request, public_url: str) -> set[str]:
    """The origin that people are given, and the one that this request was sent to."""
    public = urlsplit(public_url)
    return {
        f"{public.scheme}://{public.netloc}",
        f"{request.url.scheme}://{request.headers.get('host', '')}",
    }
