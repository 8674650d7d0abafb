"""Errors of reading the marketplace. Nothing here can move money."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed


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
