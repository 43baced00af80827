"""`keydesk import-catalogue`, as typed: a whole file or nothing, builds copied, policies never rewritten."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from typer.testing import CliRunner, Result

import demo
from demo.load import OTHER_REGIMES, load_policies
from integrations.cipher.ring import make_ring
from integrations.files.local import LocalFiles
from integrations.files.protocol import StoredFile
from integrations.signer import make_signing_ring
from models.errors import Conflict, Invalid
from models.money import Money
from portal.cli import app
from storage.catalogue import find_product, list_products
from storage.engine import Database
from storage.policy import list_policies

SKU = "TEST00000001:0001"
DEMO_CATALOGUE = Path(demo.__path__[0]) / "catalogue.yaml"
BUILD = {"version": "1.0", "language": "en-US", "bitness": "64", "file_name": "build.iso"}
PRODUCT = {
    "sku": SKU,
    "title": "A product",
    "publisher": "A publisher",
    "family": "subscription",
    "key_mode": "per_unit",
    "term_duration": "P1Y",
    "maximum_quantity": 10,
    "prices": {"EUR": 12900},
    "files": [BUILD | {"path": "builds/build.iso"}],
}

COUNTS = {
    "products": 1,
    "policies_added": 0,
    "builds_added": 0,
    "builds_replaced": 0,
    "builds_still_withdrawn": 0,
}


@pytest.fixture
def installation(
    empty_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Database:
    monkeypatch.setenv("KEYDESK_DATABASE_URL", empty_database.url)
    monkeypatch.setenv("KEYDESK_DATA_DIR", str(tmp_path / "data"))
    return empty_database


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "builds").mkdir()
    (tmp_path / "builds" / "build.iso").write_bytes(b"a build")
    return tmp_path / "catalogue.yaml"


def _import(file: Path, document: Any = None) -> Result:
    if document is not None:
        file.write_text(yaml.safe_dump(document))
    command = ["import-catalogue", str(file), "--json"]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def _count(database: Database) -> int:
    with database.reading() as connection:
        return len(list_products(connection))


def test_a_product_comes_in_with_its_build(
    installation: Database, file: Path, tmp_path: Path
) -> None:
    answer = _import(file, {"products": [PRODUCT]})

    assert json.loads(answer.stdout) == COUNTS | {"builds_added": 1}
    with installation.reading() as connection:
        product = find_product(connection, SKU)
    assert product is not None
    assert product.prices == (Money(amount_minor=12900, currency="EUR"),)
    (build,) = product.files
    assert build.sha256 == hashlib.sha256(b"a build").hexdigest()
    assert build.size_bytes == len(b"a build")
    kept = StoredFile(build.sha256, build.size_bytes)
    with LocalFiles(tmp_path / "data" / "files").open(kept) as stream:
        assert stream.read() == b"a build"


def test_a_second_import_of_the_same_file_changes_nothing(
    installation: Database, file: Path
) -> None:
    _import(file, [PRODUCT])
    with installation.reading() as connection:
        before = list_products(connection)

    _import(file)

    with installation.reading() as connection:
        assert list_products(connection) == before


def test_the_demo_catalogue_can_be_imported(installation: Database) -> None:
    answer = _import(DEMO_CATALOGUE)

    assert answer.exit_code == 0
    assert _count(installation) == len(yaml.safe_load(DEMO_CATALOGUE.read_text()))


def test_policies_come_in_once_and_are_never_rewritten(installation: Database, file: Path) -> None:
    policies = [policy.model_dump(mode="json") for policy in load_policies(OTHER_REGIMES[0])]

    first, second = (_import(file, {"policies": policies}) for _ in range(2))

    assert json.loads(first.stdout)["policies_added"] == len(policies)
    assert json.loads(second.stdout)["policies_added"] == 0
    changed = [policies[0] | {"refuse_revealed_key": not policies[0]["refuse_revealed_key"]}]
    with pytest.raises(Conflict):
        _import(file, {"products": [PRODUCT], "policies": changed})
    assert _count(installation) == 0
    with installation.reading() as connection:
        assert set(list_policies(connection)) == set(load_policies(OTHER_REGIMES[0]))


def test_a_flawed_file_is_refused_whole(installation: Database, file: Path) -> None:
    flaws: dict[str, dict[str, Any]] = {
        "sku": {"sku": "no colon"},
        "title": {"title": "nul \0"},
        "family": {"family": "rental"},
        "term_duration": {"term_duration": None},
        "maximum_quantity": {"maximum_quantity": 0},
        "prices.EUR": {"prices": {"EUR": 0}},
        "prices.USD": {"prices": {"USD": 1.5}},
        "prices.euro": {"prices": {"euro": 1}},
        "listed twice": {"files": [BUILD | {"size_bytes": 1}] * 2},
        "bitness": {"files": [BUILD | {"bitness": "128"}]},
        "file_name": {"files": [BUILD | {"file_name": "../build.iso"}]},
        "surplus": {"surplus": 1},
    }
    for named, flaw in flaws.items():
        with pytest.raises(Invalid, match=named) as refused:
            _import(file, [PRODUCT | {"sku": "TEST00000001:0002"}, PRODUCT | flaw])
        assert refused.value.code == "catalogue_invalid"
    with pytest.raises(Invalid, match="listed twice"):
        _import(file, [PRODUCT, PRODUCT])
    assert _count(installation) == 0


def test_a_build_without_its_content_is_refused(installation: Database, file: Path) -> None:
    for build in (BUILD, BUILD | {"path": "nowhere.iso"}, BUILD | {"path": "builds"}):
        with pytest.raises(Invalid, match=r"build\.iso") as refused:
            _import(file, [PRODUCT | {"files": [build]}])
        assert refused.value.code == "catalogue_file_missing"
    assert _count(installation) == 0


@pytest.mark.parametrize("listed", [{"sha256": "0" * 64}, {"size_bytes": 8}])
def test_a_build_that_is_not_what_the_catalogue_says_is_refused(
    installation: Database, file: Path, listed: dict[str, Any]
) -> None:
    build = BUILD | {"path": "builds/build.iso"}
    with pytest.raises(Invalid, match=r"build\.iso has 7 bytes") as refused:
        _import(file, [PRODUCT | {"files": [build | listed]}])

    assert refused.value.code == "catalogue_file_differs"
    assert _count(installation) == 0

    right = {"sha256": hashlib.sha256(b"a build").hexdigest(), "size_bytes": 7}
    assert _import(file, [PRODUCT | {"files": [build | right]}]).exit_code == 0


def test_an_import_brings_no_replaced_build_back_unasked(
    installation: Database, file: Path
) -> None:
    content = file.parent / "builds" / "build.iso"
    _import(file, [PRODUCT])
    content.write_bytes(b"a better build")

    replaced = _import(file)
    content.write_bytes(b"a build")
    left_out = _import(file)
    again = CliRunner().invoke(app, ["import-catalogue", str(file), "--offer-withdrawn"])

    assert json.loads(replaced.stdout) == COUNTS | {"builds_replaced": 1}
    assert json.loads(left_out.stdout) == COUNTS | {"builds_still_withdrawn": 1}
    assert "1 replaced" in again.stdout
    with installation.reading() as connection:
        product = find_product(connection, SKU)
    assert product is not None
    assert [build.sha256 for build in product.files] == [hashlib.sha256(b"a build").hexdigest()]


def test_production_makes_no_samples(
    installation: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYDESK_MODE", "production")
    monkeypatch.setenv("KEYDESK_AUTH", "oidc")
    monkeypatch.setenv("KEYDESK_KEY_RING", SecretStr(make_ring()).get_secret_value())
    monkeypatch.setenv("KEYDESK_REVOCATION_RING", make_signing_ring())
    monkeypatch.setenv("KEYDESK_EVENT_SECRETS", "{}")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")

    with pytest.raises(Invalid, match="no path"):
        _import(file, [PRODUCT | {"files": [BUILD | {"size_bytes": 9}]}])

    assert _count(installation) == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe\xfa", "catalogue_unreadable"),
        (b"{", "catalogue_unreadable"),
        (b"!!python/object:os.system {}", "catalogue_unreadable"),
        (b"", "catalogue_invalid"),
        (b"text", "catalogue_invalid"),
        (b"7", "catalogue_invalid"),
    ],
)
def test_a_file_of_another_kind_is_refused(file: Path, content: bytes, code: str) -> None:
    file.write_bytes(content)

    with pytest.raises(Invalid) as refused:
        _import(file)

    assert refused.value.code == code


def test_a_missing_file_is_refused(file: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        _import(file)
