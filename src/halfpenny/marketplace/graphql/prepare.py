"""From the text of a request to something that may be executed: parsed, valid, small enough, its variables read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.execution import get_variable_values
from graphql.execution.values import VariableValues

from halfpenny.marketplace.errors import InvalidQuery, MalformedQuery, QueryTooLarge
from halfpenny.marketplace.graphql.limits import Limits, check

# Distinct documents kept parsed; with the limit on characters this bounds the memory that anonymous callers can take.
KEPT_DOCUMENTS = 128
# Documents with the page sizes that their variables named, known to be small enough.
KEPT_MEASURES = 1_024


class InvalidDocument(InvalidQuery):
    """``errors`` are GraphQL's own, with their locations."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One request, ready. ``variables`` are coerced by the schema; ``raw_variables`` came with the request."""

    text: str
    document: DocumentNode
    operation: OperationDefinitionNode
    operation_name: str | None
    variables: VariableValues
    raw_variables: Mapping[str, Any]


class Preparer:
    """Parses and validates each distinct document once, and measures it once for each size of page."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, default_page: int, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._default_page = default_page
        self._rules = [*specified_rules] if introspection else [*specified_rules, NoSchemaIntrospectionCustomRule]
        self._document = lru_cache(KEPT_DOCUMENTS)(self._parse)
        self._measured = lru_cache(KEPT_MEASURES)(self._measure)

    def prepare(self, text: str, raw_variables: Mapping[str, Any], operation_name: str | None) -> PreparedRequest:
        """Raises MalformedQuery, InvalidDocument or QueryTooLarge; nothing has been executed then."""
        if len(text) > self._limits.characters:
            raise QueryTooLarge(measure="characters", allowed=self._limits.characters)
        document = self._document(text)
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            raise MalformedQuery("Name one operation of the document.")
        if operation.operation is not OperationType.QUERY:
            raise InvalidQuery("The marketplace only answers queries.")
        variables = get_variable_values(
            self._schema,
            operation.variable_definitions or (),
            dict(raw_variables),
            max_errors=10,
            hide_suggestions=True,
        )
        if isinstance(variables, list):
            raise InvalidDocument(variables)
        sizes = tuple((name, value) for name, value in variables.coerced.items() if type(value) is int)
        self._measured(text, operation_name, sizes)
        return PreparedRequest(text, document, operation, operation_name, variables, raw_variables)

    def _measure(self, text: str, operation_name: str | None, sizes: tuple[tuple[str, int], ...]) -> None:
        document = self._document(text)
        operation = get_operation_ast(document, operation_name)
        if operation is not None:
            check(self._schema, document, operation, dict(sizes), self._limits, self._default_page)

    def _parse(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=self._limits.tokens)
            errors = validate(self._schema, document, self._rules, max_errors=10, hide_suggestions=True)
        except GraphQLError as unreadable:
            if "token" in unreadable.message and str(self._limits.tokens) in unreadable.message:
                raise QueryTooLarge(measure="tokens", allowed=self._limits.tokens) from unreadable
            raise InvalidSyntax([unreadable]) from unreadable
        except RecursionError as deep:
            raise QueryTooLarge(measure="depth", allowed=self._limits.depth) from deep
        if errors:
            raise InvalidDocument(errors)
        return document


class InvalidSyntax(MalformedQuery):
    """``errors`` holds the parser's one error, with its location."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message)
        self.errors = tuple(errors)
