"""Delegations: an approver has another approver act for them from one instant until another."""

from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from models.base import Value
from models.text import Identifier


class DelegationDraft(Value):
    """Who acts for whom, and when; an operator names the absent approver, who otherwise is the caller."""

    approver_id: Identifier | None = Field(default=None, description="The caller, when left out.")
    delegate_id: Identifier
    begins_at: AwareDatetime
    ends_at: AwareDatetime = Field(description="The first instant at which it no longer holds.")

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.begins_at >= self.ends_at:
            raise ValueError("a delegation begins before it ends")
        return self


class Delegation(Value):
    """One delegation as the API shows it; revoked, it held until `revoked_at`."""

    id: str
    approver_id: str
    delegate_id: str
    begins_at: AwareDatetime
    ends_at: AwareDatetime
    made_by: str
    made_at: AwareDatetime
    revoked_by: str | None = None
    revoked_at: AwareDatetime | None = None
