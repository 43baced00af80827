"""`keydesk token`: a development bearer token for a seeded role or a user."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy import Connection

app = typer.Typer()


@app.command()
def token(
    *,
    who: Annotated[
        str,
        typer.Option("--as", metavar="ROLE|USER_ID", help="admin-agent, operator, … or usr_…"),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the token with its user and expiry as JSON.")
    ] = False,
) -> None:
    """Print a bearer token for the API: `Authorization: Bearer $(keydesk token --as admin-agent)`.

    Only where Keydesk itself signs people in (development with KEYDESK_AUTH=dev).
    """
    import json
    from datetime import UTC, datetime

    from integrations.secret_files import ensure_secrets
    from models.errors import Refused
    from portal.commands.book import open_book
    from portal.token import DEV_LIFETIME, issue
    from settings import AuthKind, Mode, load

    settings = load()
    if settings.mode is Mode.PRODUCTION or settings.auth is not AuthKind.DEV:
        raise Refused(
            "dev_tokens_refused", "Tokens come from the OpenID provider here, not from Keydesk."
        )
    secret = ensure_secrets(settings).token_secret
    # Development always has one.
    assert secret is not None
    with open_book(settings) as database, database.reading() as connection:
        user_id = _user_id(connection, who)
    now = datetime.now(UTC)
    text = issue(secret, user_id, now)
    expires_at = (now + DEV_LIFETIME).isoformat(timespec="seconds")
    answer = {"token": text, "user_id": user_id, "expires_at": expires_at}
    typer.echo(json.dumps(answer) if as_json else text)


def _user_id(connection: "Connection", who: str) -> str:
    """A role's own user, or the user so called."""
    from models.errors import Invalid
    from models.principal import Role
    from storage.principal import principal_of, user_for_role

    name = who.replace("-", "_")
    if name in set(Role):
        user_id = user_for_role(connection, Role(name))
    else:
        user_id = who if principal_of(connection, who) else None
    if user_id is None:
        roles = ", ".join(role.replace("_", "-") for role in Role)
        raise Invalid("unknown_user", f"There is no active user {who!r}. The roles are: {roles}.")
    return user_id
