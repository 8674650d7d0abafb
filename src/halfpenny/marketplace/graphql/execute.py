"""One GraphQL request from its body to its answer: prepare, run the plan or the executor, shape the errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import structlog
from graphql import GraphQLError

from halfpenny.marketplace.errors import MalformedQuery
from halfpenny.marketplace.graphql.limits import Limits
from halfpenny.marketplace.graphql.plan import Plan, compile_plan
from halfpenny.marketplace.graphql.prepare import InvalidDocument, InvalidSyntax, PreparedRequest, Preparer
from halfpenny.marketplace.graphql.schema import DEFAULT_PAGE, Listings, RequestContext, schema
from halfpenny.marketplace.model import Document
from halfpenny.platform.http import failure_kind_of
from halfpenny.primitives.errors import HalfpennyError, Unavailable

log = structlog.get_logger(__name__)

KEPT_PLANS = 128


@dataclass(frozen=True, slots=True)
class GraphQLAnswer:
    """``data`` is None where nothing could be answered; ``unavailable`` means that a retry may help."""

    data: Document | None
    errors: list[Document]
    executed: bool
    unavailable: bool = False

    def body(self) -> bytes:
        document: Document = {}
        if self.errors:
            document["errors"] = self.errors
        if self.executed:
            document["data"] = self.data
        return msgspec.json.encode(document)


class Marketplace:
    """Answers GraphQL requests. One for each application; safe for concurrent requests."""

    def __init__(self, limits: Limits | None = None, *, introspection: bool) -> None:
        self._preparer = Preparer(schema.core, limits or Limits(), DEFAULT_PAGE, introspection=introspection)
        self._plans = lru_cache(KEPT_PLANS)(_plan)

    async def answer(
        self,
        request: Any,
        listings: Listings,
        me: Any,
        **beside: Any,
    ) -> GraphQLAnswer:
        """``request`` is the parsed body. ``beside`` are the other members of the ``RequestContext``, which are called
        only when the document asks for them: recovery cases, assessments, open reviews."""
        try:
            prepared = self.prepare(request)
        except HalfpennyError as refused:
            return GraphQLAnswer(None, _before_execution(refused), executed=False)
        plan = self.plan(prepared)
        if plan is not None:
            try:
                return GraphQLAnswer(await plan.run(listings, prepared.variables), [], executed=True)
            except HalfpennyError as failed:
                # The executor would meet the same error; it knows how to place it in the answer.
                log.debug("graphql_plan_fell_back", code=failed.code)
        return await self.execute(prepared, listings, me, **beside)

    def prepare(self, request: Any) -> PreparedRequest:
        """Raises MalformedQuery, InvalidQuery or QueryTooLarge; nothing has been executed then."""
        return self._preparer.prepare(*_read(request))

    def plan(self, prepared: PreparedRequest) -> Plan | None:
        """The compiled path of a request, or None where it needs the ordinary executor."""
        return self._plans(_PlanKey(prepared))

    async def execute(
        self,
        prepared: PreparedRequest,
        listings: Listings,
        me: Any,
        **beside: Any,
    ) -> GraphQLAnswer:
        """The ordinary executor, field by field."""
        result = await schema.execute(
            prepared.text,
            variable_values=dict(prepared.raw_variables),
            operation_name=prepared.operation_name,
            context_value=RequestContext(listings, me, prepared.document, **beside),
        )
        errors = [_during_execution(error) for error in result.errors or ()]
        unavailable = result.data is None and any(
            isinstance(error.original_error, Unavailable) for error in result.errors or ()
        )
        return GraphQLAnswer(result.data, errors, executed=True, unavailable=unavailable)


class _PlanKey:
    """Equal for requests that the same plan answers: the same text and the same operation of it."""

    __slots__ = ("_identity", "prepared")

    def __init__(self, prepared: PreparedRequest) -> None:
        self.prepared = prepared
        self._identity = (prepared.text, prepared.operation_name)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _PlanKey) and self._identity == other._identity


def _plan(key: _PlanKey) -> Plan | None:
    return compile_plan(schema, key.prepared)


def _read(request: Any) -> tuple[str, Mapping[str, Any], str | None]:
    """{"query", "variables", "operationName"}; clients may add ``extensions``, which we do not use."""
    if isinstance(request, list):
        raise MalformedQuery("Send one operation a request: batches are not answered.")
    if not isinstance(request, dict) or not isinstance(request.get("query"), str):
        raise MalformedQuery('Send {"query": "...", "variables": {...}}.')
    variables, operation_name = request.get("variables"), request.get("operationName")
    if not isinstance(variables, dict | None) or not isinstance(operation_name, str | None):
        raise MalformedQuery("variables is an object, and operationName a string.")
    return request["query"], variables or {}, operation_name


def _before_execution(refused: HalfpennyError) -> list[Document]:
    if isinstance(refused, InvalidDocument | InvalidSyntax):
        return [_formatted(error, refused) for error in refused.errors]
    return [{"message": str(refused), "extensions": _extensions(refused)}]


def _during_execution(error: GraphQLError) -> Document:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, HalfpennyError):
        return _formatted(error, cause, str(cause))
    if cause is None or isinstance(cause, GraphQLError):
        # An argument of the wrong type, found while executing.
        return _formatted(error, MalformedQuery(error.message))
    log.error("graphql_resolver_failed", path=error.path, exc_info=cause)
    return _formatted(error, HalfpennyError(), HalfpennyError.message)


def _formatted(error: GraphQLError, failure: HalfpennyError, message: str | None = None) -> Document:
    document: Document = {"message": message or error.message, "extensions": _extensions(failure)}
    if error.locations:
        document["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        document["path"] = list(error.path)
    return document


def _extensions(failure: HalfpennyError) -> Document:
    """``code`` is the stable name that every edge uses; ``kind`` and ``retryable`` help generic clients."""
    extensions: Document = {
        "code": failure.code,
        "kind": failure_kind_of(failure).graphql,
        "retryable": failure.retryable,
    }
    if failure.data:
        extensions["data"] = {name: str(value) for name, value in failure.data.items()}
    return extensions
