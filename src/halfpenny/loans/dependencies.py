"""What routes about loans need of the application."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from halfpenny.loans.model import LendingRules


def lending_rules(request: Request) -> LendingRules:
    """The house's limits as the settings name them."""
    found: LendingRules = request.app.state.settings.lending.rules
    return found


Rules = Annotated[LendingRules, Depends(lending_rules)]
