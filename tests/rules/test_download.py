"""Rules of downloads: what is offered to choose, when a link lives, and how far one use carries."""

from datetime import UTC, datetime, timedelta

import pytest

from models.catalogue import ProductFile
from models.download import LinkStatus, UseSoFar
from models.software import SoftwareStatus
from rules.download import PARTS_MAX, RESUME_WITHIN, choices, link_status, may_go_on

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIZE = 1000


def _build(version: str, language: str, bitness: str) -> ProductFile:
    return ProductFile(
        id=f"fil_{version}_{language}_{bitness}",
        sku="SKU:1",
        version=version,
        language=language,
        bitness=bitness,
        file_name="build.iso",
        size_bytes=SIZE,
        sha256="0" * 64,
    )


def test_only_combinations_that_exist_can_be_chosen() -> None:
    builds = [
        _build("2016", "en-US", "32"),
        _build("2019", "en-US", "64"),
        _build("2019", "cs-CZ", "64"),
        _build("2019", "en-US", "32"),
    ]

    offered = {
        version.version: {
            language.language: [(b.bitness, b.file_id) for b in language.bitnesses]
            for language in version.languages
        }
        for version in choices(builds)
    }

    assert list(offered) == ["2019", "2016"]
    assert offered == {
        "2019": {
            "cs-CZ": [("64", "fil_2019_cs-CZ_64")],
            "en-US": [("32", "fil_2019_en-US_32"), ("64", "fil_2019_en-US_64")],
        },
        "2016": {"en-US": [("32", "fil_2016_en-US_32")]},
    }
    assert choices([]) == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, LinkStatus.LIVE),
        ({"uses": 1}, LinkStatus.LIVE),
        ({"uses": 2}, LinkStatus.USED_UP),
        ({"at": AT - timedelta(microseconds=1)}, LinkStatus.LIVE),
        ({"at": AT}, LinkStatus.EXPIRED),
        ({"withdrawn": True, "uses": 2}, LinkStatus.WITHDRAWN),
        ({"revoked": True, "withdrawn": True}, LinkStatus.REVOKED),
        ({"item": SoftwareStatus.SUSPENDED}, LinkStatus.SUSPENDED),
        ({"item": SoftwareStatus.SUSPENDED, "uses": 2}, LinkStatus.USED_UP),
        ({"item": SoftwareStatus.CANCELLED}, LinkStatus.REVOKED),
    ],
)
def test_a_link_says_what_stands_in_its_way(
    change: dict[str, object], expected: LinkStatus
) -> None:
    facts: dict[str, object] = {
        "item": SoftwareStatus.ACTIVE,
        "revoked": False,
        "withdrawn": False,
        "expires_at": AT,
        "uses": 0,
        "max_uses": 2,
        "at": AT - timedelta(days=1),
    }

    assert link_status(**facts | change) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ({"began_at": AT - RESUME_WITHIN}, {"began_at": AT - RESUME_WITHIN - timedelta.resolution}),
        ({"parts": PARTS_MAX - 1}, {"parts": PARTS_MAX}),
        ({"begun_bytes": 2 * SIZE - 1}, {"begun_bytes": 2 * SIZE}),
    ],
)
def test_a_use_carries_a_broken_download_within_bounds(
    within: dict[str, object], beyond: dict[str, object]
) -> None:
    use = UseSoFar(use_number=1, began_at=AT, parts=1, begun_bytes=SIZE)

    assert may_go_on(use.model_copy(update=within), SIZE, AT)
    assert not may_go_on(use.model_copy(update=beyond), SIZE, AT)
