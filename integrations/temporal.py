"""The way to Temporal: one client for portal, worker, commands and tests, and what its errors mean."""

import dataclasses

from temporalio.client import Client, RPCTimeoutOrCancelledError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from models.errors import Unavailable

DATA_CONVERTER = dataclasses.replace(pydantic_data_converter)
"""One converter everywhere, so that a payload written by one process is read by all."""

_AWAY = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
}


async def connect(
    address: str | None, namespace: str, *, identity: str | None = None, lazy: bool = False
) -> Client:
    """A client; TLS, API key and profile come from the SDK's own TEMPORAL_* configuration.

    `lazy` connects at the first call, so that a portal starts (and takes events) while Temporal is away.
    """
    options = ClientConfig.load_client_connect_config()
    if address:
        options["target_host"] = address
    options["namespace"] = namespace
    return await Client.connect(
        **options, data_converter=DATA_CONVERTER, identity=identity, lazy=lazy
    )


def is_away(error: BaseException) -> bool:
    """Whether Temporal did not answer, as opposed to answering no."""
    if isinstance(error, RPCError):
        return error.status in _AWAY
    return (
        isinstance(error, (ConnectionError, TimeoutError, RPCTimeoutOrCancelledError))
        or "failed client connect" in str(error).lower()
    )


def unavailable() -> Unavailable:
    """What doors say while Temporal is away."""
    return Unavailable(
        "temporal_unavailable",
        "The process engine does not answer. Nothing was lost; repeat the request with the same "
        "Idempotency-Key, and the time of the first try counts.",
        retry_after_s=5,
    )
