"""The words of a message at a desk: its plain text, or what its HTML says."""

from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

_BREAKS = frozenset({"br", "p", "div", "li", "tr", "blockquote", "h1", "h2", "h3"})
_UNSEEN = frozenset({"script", "style", "head"})


def plain_text(parts: Iterable[dict[str, Any]]) -> str | None:
    """The text of these parts of messages, attached files left out; None where there is no word."""
    bodies = [part for part in parts if not part.get("Filename") and part.get("Content")]
    plain = [part["Content"] for part in bodies if part["ContentType"] == "text/plain"]
    if not plain:
        plain = [_seen(part["Content"]) for part in bodies if part["ContentType"] == "text/html"]
    return "\n\n".join(text.strip() for text in plain).replace("\r\n", "\n") or None


class _Reader(HTMLParser):
    """Keeps what a reader would see, with a line break where one is drawn."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _UNSEEN:
            self._hidden += 1
        if tag in _BREAKS:
            self.seen.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.seen.append(data)


def _seen(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.seen).splitlines())
    return "\n".join(line for line in lines if line)
