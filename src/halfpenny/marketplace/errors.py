"""Errors of reading the marketplace, and of investing on what it showed."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed, Refused


class MalformedQuery(Malformed):
    code = "malformed_query"
    message = "The GraphQL request cannot be read."


class InvalidQuery(Malformed):
    code = "invalid_query"
    message = "The GraphQL document does not match the schema."


class QueryTooLarge(Malformed):
    """``data`` names the ``measure`` that was passed and the most that is ``allowed``."""

    code = "query_too_large"
    message = "The GraphQL document asks for too much at once."


class PageTooLarge(Malformed):
    code = "page_too_large"
    message = "A page has between 1 and 100 loans."


class LoanChanged(Refused):
    code = "loan_changed"
    message = "The terms of this loan have changed since they were shown. Nothing was invested."


class DecisionMissing(Malformed):
    code = "decision_missing"
    message = "Choose whether to accept the offer or to withdraw."
