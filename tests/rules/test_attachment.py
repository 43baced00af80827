"""What a file is by its bytes, and what it may be called."""

import pytest

from models.attachment import MediaType
from models.errors import Invalid
from rules.attachment import display_name, require_text, type_of

KNOWN = [
    (b"%PDF-1.7\n", MediaType.PDF),
    (b"\x89PNG\r\n\x1a\n\0\0", MediaType.PNG),
    (b"\xff\xd8\xff\xe0", MediaType.JPEG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"RIFF\x10\0\0\0WEBPVP8 ", MediaType.WEBP),
    (b"2026-11-24 19:00 started", MediaType.TEXT),
    (b"<34>Oct 11 22:14:15 a line of syslog", MediaType.TEXT),
]
MARKUP = [
    b"<!DOCTYPE html>",
    b" \r\n<html>",
    b"\xef\xbb\xbf<svg xmlns=''>",
    b"<?xml version='1.0'?>",
    b"#!/bin/sh\n",
    b"</script>",
]
NO_TEXT = [b"MZ\x90\0\x03", b"PK\x03\x04\x14\0", b"\x7fELF\x02\x01\x01\0", b"a\xffb", b"cut \xc3"]
NAMES = [
    ("report.pdf", MediaType.PDF, "report.pdf"),
    ("Photo.JPEG", MediaType.JPEG, "Photo.JPEG"),
    ("setup.exe", MediaType.PNG, "setup.png"),
    ("a.html", MediaType.TEXT, "a.txt"),
    ("../../etc/passwd", MediaType.TEXT, "passwd.txt"),
    ("C:\\Users\\a\\shot.png", MediaType.PNG, "shot.png"),
    ("gnp\u202etxt.exe", MediaType.PNG, "gnptxt.png"),
    ("a\r\nb\0.log", MediaType.TEXT, "ab.log"),
    ("...", MediaType.PDF, "attachment.pdf"),
    ("", MediaType.GIF, "attachment.gif"),
    (".png", MediaType.PNG, "png.png"),
    ("x" * 500 + ".csv", MediaType.TEXT, "x" * 116 + ".csv"),
]


@pytest.mark.parametrize(("head", "media_type"), KNOWN)
def test_a_type_is_told_by_the_first_bytes(head: bytes, media_type: MediaType) -> None:
    assert type_of(head) is media_type


@pytest.mark.parametrize("head", MARKUP)
def test_markup_and_scripts_are_refused(head: bytes) -> None:
    with pytest.raises(Invalid, match="by their content: pdf"):
        type_of(head)


@pytest.mark.parametrize("content", NO_TEXT)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        require_text([content])
    assert refused.value.code == "attachment_type_refused"


def test_a_character_may_be_cut_by_a_piece() -> None:
    require_text([b"caf\xc3", b"\xa9"])


@pytest.mark.parametrize(("given", "media_type", "shown"), NAMES)
def test_a_name_is_for_reading_only(given: str, media_type: MediaType, shown: str) -> None:
    assert display_name(given, media_type) == shown
