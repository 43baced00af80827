"""`keydesk policy`: the cancellation policies in the book, and new ones from a YAML file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from datetime import datetime

    from models.approval import ApprovalPlan, ApprovalRule
    from models.policy import CancellationPolicy, RefundTier

app = typer.Typer(
    name="policy", help="Show, check and load cancellation policies.", no_args_is_help=True
)

PolicyPath = Annotated[
    Path, typer.Argument(help="YAML as in demo/policies.yaml.", dir_okay=False, metavar="FILE")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List every version of every family, newest first."""
    from portal.commands.book import open_book
    from settings import load
    from storage.policy import list_policies

    with open_book(load()) as database, database.reading() as connection:
        policies = list_policies(connection)
    if as_json:
        typer.echo(json.dumps([policy.model_dump(mode="json") for policy in policies]))
        return
    table = Table("for", "version")
    table.add_column("id", overflow="fold", min_width=18)
    table.add_column("from", overflow="fold", min_width=20)
    table.add_column("tiers", overflow="fold")
    table.add_column("approval")
    for policy in policies:
        table.add_row(*_summary(policy))
    Console().print(table)


@app.command()
def show(
    policy_id: Annotated[str, typer.Argument(help="The policy's id.", metavar="ID")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one policy with its hash, as a file that `policy load` takes."""
    import yaml

    from models.errors import NotFound
    from portal.commands.book import open_book
    from settings import load
    from storage.policy import find_policy, policy_document, policy_sha256

    with open_book(load()) as database, database.reading() as connection:
        found = find_policy(connection, policy_id)
    if found is None:
        raise NotFound("policy")
    document, sha256 = policy_document(found), policy_sha256(found)
    if as_json:
        typer.echo(json.dumps({"sha256": sha256, "policy": document}))
    else:
        typer.echo(f"# sha256 {sha256}")
        typer.echo(yaml.safe_dump([document], sort_keys=False), nl=False)


@app.command()
def check(file: PolicyPath, *, as_json: AsJson = False) -> None:
    """Check a file by itself and change nothing; `load` also holds it against the policies that stand."""
    from portal.policy_file import read_policies

    policies = read_policies(file).policies
    if as_json:
        typer.echo(json.dumps({"sound": True, "policies": [policy.id for policy in policies]}))
    else:
        typer.echo(f"{file.name} is sound: {', '.join(policy.id for policy in policies)}.")


@app.command()
def load(file: PolicyPath, *, as_json: AsJson = False) -> None:
    """Add the policies of a file that are new; the whole file or nothing.

    A policy that stands is never rewritten, and orders keep the version they were placed under.
    """
    from datetime import UTC, datetime

    import settings
    from models.ids import SYSTEM_USER
    from portal.commands.book import open_book
    from portal.policy_file import read_policies, refused
    from storage.policy import load_policies

    listed = read_policies(file)
    with open_book(settings.load()) as database, database.transaction() as connection:
        result = load_policies(connection, listed.policies, at=datetime.now(UTC), by=SYSTEM_USER)
    if result.flaws:
        raise refused(
            listed.name, [(listed.lines[flaw.index], flaw.sentence) for flaw in result.flaws]
        )
    standing = [policy.id for policy in listed.policies if policy.id not in result.added]
    if as_json:
        typer.echo(json.dumps({"added": result.added, "standing": standing}))
    else:
        typer.echo(f"{len(result.added)} policy(ies) added, {len(standing)} stood already.")


def _summary(policy: "CancellationPolicy") -> tuple[str, ...]:
    return (
        ", ".join(policy.skus) or policy.family,
        str(policy.version),
        policy.id,
        _instant(policy.effective_from),
        ", ".join(_credits(policy)),
        ", ".join(_approval(policy.approval)),
    )


def _credits(policy: "CancellationPolicy") -> list[str]:
    """Each tier in its order, and whether units go one by one."""
    tiers = [_tier(tier) for tier in policy.refund_tiers]
    return [*tiers, "single units"] if policy.partial_quantity else tiers


def _approval(plan: "ApprovalPlan") -> list[str]:
    """Each rule in its order: the limits, and who must agree to amounts within them."""
    rules = [f"to {' or '.join(map(str, rule.up_to))}: {_people(rule)}" for rule in plan.by_amount]
    return [*rules, _people(plan)]


def _people(rule: "ApprovalRule") -> str:
    if rule.stages:
        return ", then ".join(f"{stage.approvers} of {stage.name}" for stage in rule.stages)
    return rule.mode.replace("_", " ")


def _instant(moment: "datetime") -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _tier(tier: "RefundTier") -> str:
    return f"{tier.type} {tier.model_dump(mode='json')['expires_after']}"
