"""The demo world: whole, consistent, in the wire forms it imitates, and the same on every machine."""

import hashlib
import re
from typing import Any

import pytest
from pydantic import ValidationError

from demo.files import content
from demo.keys import ALPHABET, sample_keys
from demo.load import OTHER_REGIMES, DemoData, load, load_policies
from models.approval import ApprovalMode
from models.catalogue import Family, KeyMode, Product
from models.ids import POLICY_USER, SYSTEM_USER
from models.policy import RefundType
from models.principal import Role
from models.product_key import KEY_PATTERN
from rules.term import term_days

DATA = load()
ID = re.compile(r"^(par|cus|fil)_[0-9a-f]{32}$")
PLACED = DATA.policies[0].effective_from


def user_roles() -> dict[str, frozenset[Role]]:
    return {user.id: user.roles for user in DATA.users}


def test_the_cast_is_on_stage() -> None:
    assert (len(DATA.partners), len(DATA.customers)) == (2, 4)
    assert 6 <= len(DATA.products) <= 8
    assert {role for roles in user_roles().values() for role in roles} == set(Role)
    assert user_roles()["usr_alice_admin"] == {Role.ADMIN_AGENT}
    assert user_roles()["usr_dana_both"] == {Role.ADMIN_AGENT, Role.REFUND_APPROVER}
    assert user_roles()[POLICY_USER] == user_roles()[SYSTEM_USER] == frozenset()


def test_both_lone_approvers_are_house_staff() -> None:
    staff = [
        user.id
        for user in DATA.users
        if user.roles == {Role.REFUND_APPROVER} and not (user.partner_id or user.customer_id)
    ]

    assert staff == ["usr_bob_approver", "usr_carol_approver"]


def test_every_partner_has_an_admin_agent_and_customers() -> None:
    for partner in DATA.partners:
        assert any(
            user.partner_id == partner.id and Role.ADMIN_AGENT in user.roles for user in DATA.users
        )
        assert any(customer.partner_id == partner.id for customer in DATA.customers)


def test_names_have_their_wire_forms() -> None:
    ids = [partner.id for partner in DATA.partners]
    ids += [customer.id for customer in DATA.customers]
    ids += [file.id for product in DATA.products for file in product.files]

    assert all(ID.match(found) for found in ids)
    assert len(set(ids)) == len(ids)
    assert all(re.match(r"^DG7GMGF0[0-9A-Z]{4}:[0-9A-Z]{4}$", p.sku) for p in DATA.products)
    assert all(p.sku.startswith(f"{p.product_id}:") for p in DATA.products)


def test_nobody_can_be_reached() -> None:
    assert all(user.email.endswith(".example") for user in DATA.users)
    assert all(customer.domain.endswith(".onmicrosoft.example") for customer in DATA.customers)


def test_the_catalogue_has_both_families_and_both_key_modes() -> None:
    assert {product.family for product in DATA.products} == set(Family)
    assert {product.key_mode for product in DATA.products} == set(KeyMode)


@pytest.mark.parametrize("product", DATA.products, ids=lambda product: product.sku)
def test_a_product_can_be_sold_and_downloaded(product: Product) -> None:
    is_subscription = product.family is Family.SUBSCRIPTION
    builds = [(file.version, file.language, file.bitness) for file in product.files]

    assert (term_days(product.term_duration, PLACED) is not None) is is_subscription
    assert [price.currency for price in product.prices] == ["EUR", "USD", "CZK"]
    assert all(price.amount_minor > 0 for price in product.prices)
    assert builds
    assert len(set(builds)) == len(builds)


def test_some_combinations_do_not_exist() -> None:
    office = next(p for p in DATA.products if p.title == "Office LTSC Standard 2021")
    builds = {(file.version, file.language, file.bitness) for file in office.files}

    assert ("2016", "en-US", "32") in builds
    assert ("2016", "en-US", "64") not in builds


def test_checksums_are_those_of_the_generated_content() -> None:
    file = DATA.products[0].files[0]
    body = content(file.file_name, file.size_bytes)

    assert len(body) == file.size_bytes
    assert content(file.file_name, 33) == body[:33]
    assert hashlib.sha256(body).hexdigest() == file.sha256
    assert len({f.sha256 for p in DATA.products for f in p.files}) == sum(
        len(p.files) for p in DATA.products
    )


def test_the_shipped_policy_is_sixty_days_in_full_decided_by_a_person() -> None:
    assert {policy.family for policy in DATA.policies} == set(Family)
    for policy in DATA.policies:
        (tier,) = policy.refund_tiers
        assert (tier.type, tier.expires_after.days) == (RefundType.FULL, 60)
        assert policy.approval.mode is ApprovalMode.HUMAN
        assert policy.refuse_revealed_key is False
        assert policy.effective_from.isoformat() == "2018-01-01T00:00:00+00:00"


def test_each_regime_follows_the_one_before_it() -> None:
    regimes = [load_policies(), *(load_policies(stem) for stem in OTHER_REGIMES)]

    for family in Family:
        versions = [policy for regime in regimes for policy in regime if policy.family is family]
        assert [policy.version for policy in versions] == [1, 2, 3]
        assert len({policy.id for policy in versions}) == 3
        instants = [policy.effective_from for policy in versions]
        assert instants == sorted(instants)


def test_the_event_sources_are_bound() -> None:
    bound = {source.name: source.partner_id for source in DATA.event_sources}

    assert bound == {"partner-one-portal": DATA.partners[0].id, "house-portal": None}


@pytest.mark.parametrize(
    ("field", "change", "complaint"),
    [
        ("users", {"partner_id": "par_nobody"}, "there is no partner par_nobody"),
        ("users", {"customer_id": "cus_nobody"}, "there is no customer cus_nobody"),
        ("users", {"roles": ["emperor"]}, "admin_agent"),
        ("users", {"id": "usr_bob_approver"}, "the user usr_bob_approver is listed twice"),
        ("customers", {"partner_id": "par_nobody"}, "there is no partner par_nobody"),
        ("event_sources", {"partner_id": "par_nobody"}, "there is no partner par_nobody"),
        ("event_sources", {"secret": "x"}, "Extra inputs"),
        ("partners", {"mpn_id": "4390934x"}, "mpn_id"),
    ],
)
def test_inconsistent_data_are_refused(field: str, change: dict[str, Any], complaint: str) -> None:
    data = DATA.model_dump()
    data[field] = [data[field][0] | change, *data[field][1:]]

    with pytest.raises(ValidationError, match=complaint):
        DemoData.model_validate(data)


def test_demo_keys_look_like_keys_and_like_demo_keys() -> None:
    for key in sample_keys("DG7GMGF0D7FX:0002", 200, seed=7):
        assert KEY_PATTERN.match(key)
        assert key.startswith("DEMO0-")
        assert set(key[6:]) <= {*ALPHABET, "-"}
    assert not set("0O1I") & set(ALPHABET)


def test_demo_keys_repeat_by_seed_and_never_across_products() -> None:
    keys = {
        sku: list(sample_keys(sku, 300, seed=1))
        for sku in ("DG7GMGF0D7FX:0002", "DG7GMGF0D7FV:0001")
    }
    every = [key for pool in keys.values() for key in pool]

    assert list(sample_keys("DG7GMGF0D7FX:0002", 30, seed=1)) == keys["DG7GMGF0D7FX:0002"][:30]
    assert list(sample_keys("DG7GMGF0D7FX:0002", 300, seed=2)) != keys["DG7GMGF0D7FX:0002"]
    assert len(set(every)) == len(every)
    assert list(sample_keys("DG7GMGF0D7FX:0002", 0, seed=1)) == []
