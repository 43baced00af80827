"""Policy files: what is read from a sound one, and every flaw of another with the line it stands on."""

from pathlib import Path

import pytest

import demo
from demo.load import DEFAULT_POLICIES, OTHER_REGIMES, load_policies
from models.errors import Invalid
from models.money import Money
from portal.policy_file import read_policies

SHIPPED = Path(demo.__path__[0])
SOUND = """\
- id: pol_perpetual_1
  family: perpetual
  version: 1
  effective_from: "2018-01-01T00:00:00Z"
  refund_tiers:
    - {type: full, expires_after: P1D}
    - type: partial
      expires_after: P7D
  approval: &plan
    mode: human
    remind_after: [P1D, P3D]
    escalate_after: P5D
    expire_after: P30D
  remind_before_close: P1D

- id: pol_perpetual_2
  family: perpetual
  version: 2
  effective_from: 2021-06-01T00:00:00+02:00
  refund_tiers:
    - {type: full, expires_after: PT36H}
  approval: *plan
"""


def told(tmp_path: Path, content: str | bytes) -> Invalid:
    file = tmp_path / "terms.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Invalid) as refused:
        read_policies(file)
    return refused.value


@pytest.mark.parametrize("stem", [DEFAULT_POLICIES, *OTHER_REGIMES])
def test_what_is_shipped_is_sound(stem: str) -> None:
    assert read_policies(SHIPPED / f"{stem}.yaml").policies == load_policies(stem)


def test_each_policy_knows_its_line(tmp_path: Path) -> None:
    file = tmp_path / "terms.yaml"
    file.write_text(SOUND)

    found = read_policies(file)

    assert [policy.id for policy in found.policies] == ["pol_perpetual_1", "pol_perpetual_2"]
    assert found.lines == (1, 16)


@pytest.mark.parametrize(
    ("sound", "flawed", "line"),
    [
        ("  version: 1\n", "  version: one\n", "line 3: version: "),
        ("  version: 1\n", "", "line 1: version: Field required"),
        ("  version: 1\n", "  versoin: 1\n", "line 3: versoin: is no field of a policy"),
        ("    mode: human", "    moed: human", "line 10: approval.moed: is no field"),
        ("version: 1\n", "version: 1\n  version: 3\n", "line 4: version: is given twice"),
        ("id: pol_perpetual_1", "id: pol_perpetual_2", "line 16: pol_perpetual_2 is listed twice"),
        ("id: pol_perpetual_1", 'id: "nul \\0"', "line 1: id: "),
        ("family: perpetual", "family: rental", "line 2: family: "),
        ('"2018-01-01T00:00:00Z"', '"2018-01-01T00:00:00"', "line 4: effective_from: "),
        ('"2018-01-01T00:00:00Z"', "2018", "line 4: effective_from: is no instant"),
        ('"2018-01-01T00:00:00Z"', "2018-01-01", "line 4: effective_from: is no instant"),
        ("expires_after: P7D", "expires_after: P1D", "line 7: refund_tiers.1: must end after"),
        ("expires_after: P7D", "expires_after: PT12H", "line 7: refund_tiers.1: must end after"),
        ("expires_after: P7D", "expires_after: 7", "line 8: refund_tiers.1.expires_after: is no"),
        ("expires_after: P7D", "expires_after: P1M", "line 8: refund_tiers.1.expires_after: is no"),
        ("expires_after: P7D", "expires_after: P0D", "line 8: refund_tiers.1.expires_after: "),
        ("type: partial", "type: half", "line 7: refund_tiers.1.type: "),
        ("[P1D, P3D]", "[P1D, 3 days]", "line 11: approval.remind_after.1: is no ISO 8601"),
        ("[P1D, P3D]", "[P1D, P30D]", "line 9: approval: "),
        ("remind_before_close: P1D", "remind_before_close: a day", "line 14: remind_before_close:"),
        ("version: 2", "version: 1", "line 16: pol_perpetual_2 begins after pol_perpetual_1"),
        ("2021-06-01T00:00:00+02:00", "2018-01-01T02:00:00+02:00", "line 16: pol_perpetual_1 and"),
    ],
)
def test_a_flaw_is_told_with_its_line(tmp_path: Path, sound: str, flawed: str, line: str) -> None:
    assert sound in SOUND

    error = told(tmp_path, SOUND.replace(sound, flawed, 1))

    assert error.code == "policy_invalid"
    assert error.message.startswith("terms.yaml is refused:\n")
    assert line in error.message


EXTENDED = (
    SOUND
    + """\
  skus: ["A:1", "B:1"]
  links: {expires_after: P5D, max_uses: 10}
  reasons:
    - {code: mistake, en: By mistake, cs: Omylem}
- id: pol_perpetual_3
  family: perpetual
  version: 3
  effective_from: 2022-06-01T00:00:00Z
  refund_tiers:
    - {type: full, expires_after: P1D}
  approval:
    mode: stages
    stages:
      - {name: desk}
      - {name: finance, approvers: 2}
    by_amount:
      - mode: automatic
        up_to:
          - {amount_minor: 5000, currency: EUR}
      - mode: two_approvers
        up_to:
          - {amount_minor: 100000, currency: EUR}
          - {amount_minor: 2500000, currency: CZK}
"""
)


def test_terms_of_every_kind_are_read(tmp_path: Path) -> None:
    file = tmp_path / "terms.yaml"
    file.write_text(EXTENDED)

    _, some, staged = read_policies(file).policies

    assert (some.skus, some.links.max_uses, some.offers("mistake")) == (("A:1", "B:1"), 10, True)
    needed = [
        staged.approval.rule_for(Money(amount_minor=minor, currency=currency)).approvals_needed
        for minor, currency in [
            (5000, "EUR"),
            (5001, "EUR"),
            (100001, "EUR"),
            (1, "CZK"),
            (1, "USD"),
        ]
    ]
    assert needed == [0, 2, 3, 2, 3]


@pytest.mark.parametrize(
    ("sound", "flawed", "line"),
    [
        ('["A:1", "B:1"]', '["B:1", "A:1"]', "line 23: skus: SKUs are listed once each"),
        ("after: P5D, max", "after: P1M, max", "line 24: links.expires_after: is no ISO 8601"),
        ("max_uses: 10", "max_uses: 0", "line 24: links.max_uses: "),
        ("mistake, en", "Mistake, en", "line 26: reasons.0.code: "),
        ("en: By mistake, ", "", "line 26: reasons.0.en: Field required"),
        ("approvers: 2", "approvers: 0", "line 37: approval.stages.1.approvers: "),
        ("mode: stages", "mode: human", "line 33: approval: stages are listed for the mode"),
        (
            "minor: 100000, ",
            "minor: 4000, ",
            "line 38: approval.by_amount: the limits of a currency",
        ),
        (
            "2500000, currency: CZK",
            "1, currency: EUR",
            "line 43: approval.by_amount.1.up_to: a curr",
        ),
        ("minor: 5000,", "minor: 0,", "line 40: approval.by_amount.0.up_to: a limit is above zero"),
        (
            "currency: CZK",
            "currency: CZK, currency: EUR",
            "line 45: approval.by_amount.1.up_to.1.curr",
        ),
        ("mode: two_approvers", "mode: two_people", "line 42: approval.by_amount.1.mode: "),
    ],
)
def test_a_flaw_of_later_terms_is_told_with_its_line(
    tmp_path: Path, sound: str, flawed: str, line: str
) -> None:
    assert sound in EXTENDED
    assert line in told(tmp_path, EXTENDED.replace(sound, flawed, 1)).message


def test_tiers_may_give_back_less_and_less(tmp_path: Path) -> None:
    file = tmp_path / "terms.yaml"
    file.write_text(SOUND.replace("type: full", "type: partial", 1))

    assert len(read_policies(file).policies) == 2


def test_a_full_tier_after_a_partial_one_is_refused(tmp_path: Path) -> None:
    content = SOUND.replace("type: full", "type: partial", 1)
    content = content.replace("    - type: partial", "    - type: full", 1)

    assert "line 7: refund_tiers.1: is full after a partial one" in told(tmp_path, content).message


def test_all_flaws_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    content = SOUND.replace("version: 1", "version: 0").replace("version: 2", "surplus: 2")
    content = content.replace("P7D", "a week", 1)

    lines = told(tmp_path, content).message.splitlines()[1:]

    assert [line.partition(":")[0] for line in lines] == ["line 3", "line 8", "line 16", "line 18"]


def test_a_value_is_never_repeated(tmp_path: Path) -> None:
    content = SOUND.replace("family: perpetual", "family: whatever_it_may_be")

    assert "whatever_it_may_be" not in told(tmp_path, content).message


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "policy_invalid"),
        (b"[]", "policy_invalid"),
        (b"text", "policy_invalid"),
        (b"policies: []", "policy_invalid"),
        (b"- 7", "policy_invalid"),
        (b"- [a]", "policy_invalid"),
        (b"- &a {id: *a}", "policy_invalid"),
        (b"- {[1]: 2}", "policy_unreadable"),
        (b"- a\n---\n- b", "policy_unreadable"),
        (b"{", "policy_unreadable"),
        (b"[" * 5000, "policy_unreadable"),
        (b"\xff\xfe\xfa", "policy_unreadable"),
        (b"!!python/object:os.system {}", "policy_unreadable"),
        (b"- 2026-13-45", "policy_unreadable"),
        (b"#" * (1024 * 1024 + 1), "policy_unreadable"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    assert told(tmp_path, content).code == code


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="No such file") as refused:
        read_policies(tmp_path / "nowhere.yaml")

    assert refused.value.code == "policy_unreadable"
