"""Sessions: whether one still lives, and what a browser is called in words."""

from datetime import datetime, timedelta

from models.session import Session

SEEN_EVERY = timedelta(minutes=1)
"""How finely the last use is remembered; a write for every page would buy nothing."""

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def is_live(session: Session, now: datetime, idle: timedelta) -> bool:
    """Whether it was used within the idle limit and has not reached its end; both limits are exclusive."""
    return now < session.expires_at and now < session.seen_at + idle


def device_of(user_agent: str) -> str:
    """`Firefox on Linux`: enough to know one's own browser by; nothing else of the header is kept.

    The order of the lists matters: Edge calls itself Chrome and Chrome calls itself Safari.
    """
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    return " on ".join(filter(None, (browser, system))) or "an unknown browser"


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str | None:
    return next((name for mark, name in names if mark in user_agent), None)
