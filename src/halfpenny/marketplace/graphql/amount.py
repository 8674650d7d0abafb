"""The GraphQL type of money."""

from __future__ import annotations

import strawberry


@strawberry.type(description="An exact amount: a decimal string and an ISO 4217 currency.")
class Amount:
    amount: str
    currency: str
