"""Where a person goes on after signing in: a path of this portal, whatever the address says."""

import re

HOME = "/"

# No second slash or backslash, which browsers read as another host, and nothing that would end a header line.
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1000}")


def own_path(given: str | None) -> str:
    """The path and query as given, if it can only lead to this portal; else the home page."""
    return given if given and _OWN_PATH.fullmatch(given) else HOME
