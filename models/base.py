"""The base of every value that travels: frozen, and closed to fields nobody declared."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable value; unknown fields are refused, inputs are not echoed in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Message(BaseModel):
    """An immutable workflow payload; unknown fields are ignored so that older workers can read newer histories."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
