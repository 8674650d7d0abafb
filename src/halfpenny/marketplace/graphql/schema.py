"""The GraphQL schema of the marketplace. Money and rates are decimal strings.

Resolvers only read: ``RequestContext`` (one per request) holds the store and who asks. The types mirror a listing's
``node``, so a field is a key of the document and needs no resolver of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import strawberry
from graphql import DocumentNode, GraphQLError, GraphQLSchema
from strawberry.dataloader import DataLoader
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from halfpenny.identity import Permission
from halfpenny.marketplace.assessments.store import no_assessments
from halfpenny.marketplace.errors import PageTooLarge
from halfpenny.marketplace.graphql.amount import Amount
from halfpenny.marketplace.graphql.assessment_types import Grade, LoanAssessment, StaffAssessment
from halfpenny.marketplace.graphql.inputs import LoanFilter, LoanOrder, listing_query
from halfpenny.marketplace.model import Document, ListedStatus, ListingPage, ListingQuery
from halfpenny.marketplace.recoveries import no_recoveries
from halfpenny.primitives.errors import Unauthenticated
from halfpenny_messages import LoanInterestMode

# What a field of the query asks of its reader, kept in the field's metadata under this name. The fields of a listing
# ask for nothing of their own: they are reached only through the fields of the query.
REQUIRES = "requires"


def requires(permission: Permission) -> Mapping[str, frozenset[Permission]]:
    """Declares beside a field of the query which permission it takes; the edge hands over only who may read it."""
    return {REQUIRES: frozenset({permission})}


FOR_ANYONE: Mapping[str, frozenset[Permission]] = {REQUIRES: frozenset()}
MAX_PAGE = 100
DEFAULT_PAGE = 20


class Listings(Protocol):
    """What a request reads from. ``paths`` are the node's fields to fetch; None fetches all."""

    async def page(self, query: ListingQuery, paths: frozenset[str] | None = None) -> ListingPage: ...
    async def count(self, query: ListingQuery) -> int: ...
    async def get(self, loan_id: str, paths: frozenset[str] | None = None) -> Document | None: ...


async def no_reviews() -> list[Document]:
    """For whoever is not signed in. Raises Unauthenticated."""
    raise Unauthenticated()


async def no_staff_assessment(loan_id: str) -> Document | None:
    """For whoever is not signed in. Raises Unauthenticated."""
    raise Unauthenticated()


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The context of one request: the listings, a function for who is signed in (None when nobody is), its document.

    ``recoveries`` loads recovery cases by the ids of their loans, ``assessments`` what everybody may see of theirs;
    ``reviews`` reads the open reviews of decisions, ``staff_assessment`` one loan's assessment as staff see it.
    """

    listings: Listings
    me: Callable[[], Awaitable[Document | None]]
    document: DocumentNode
    recoveries: DataLoader[str, Document | None] = field(default_factory=no_recoveries)
    reviews: Callable[[], Awaitable[list[Document]]] = no_reviews
    assessments: DataLoader[str, Document | None] = field(default_factory=no_assessments)
    staff_assessment: Callable[[str], Awaitable[Document | None]] = no_staff_assessment


@strawberry.type(name="Property", description="The security of a loan, as described by the borrower: untrusted text.")
class ListedProperty:
    kind: str = strawberry.field(description="house, townhouse, flat, multi_family, commercial, mixed_use or land.")
    city: str
    country: str = strawberry.field(description="ISO 3166-1 alpha-2.")
    area_m2: float = strawberry.field(description="Square metres.")
    year_built: int | None
    beds: int | None
    condition: str | None = strawberry.field(description="poor, fair, average, good or excellent.")
    description: str
    valuation: Amount
    valued_on: str = strawberry.field(description="The date of the valuation (ISO 8601).")
    valuation_source: str = strawberry.field(description="Whose valuation it is: owner, desktop or survey.")


@strawberry.type(description="What is lent, at what price, for how long.")
class Terms:
    amount: Amount
    annual_rate: str = strawberry.field(description="Percent a year, a decimal string.")
    default_rate: str = strawberry.field(
        description="What overdue amounts bear as agreed, percent a year; the governing law's maximum limits it."
    )
    governing_law: str = strawberry.field(description="ISO 3166-1 alpha-2.")
    term_months: int
    interest_mode: str = strawberry.field(description=f"One of {', '.join(LoanInterestMode)}.")
    ltv: str = strawberry.field(
        description="Loan and prior debt over the valuer's valuation, percent, a decimal string."
    )
    charge_rank: int


@strawberry.type(description="How far the funding is.")
class Funding:
    target: Amount
    funded: Amount
    remaining: Amount
    minimum: Amount = strawberry.field(
        description="The smallest investment; the one that fills the loan may be smaller."
    )
    percent: int = strawberry.field(description="Whole percent funded, rounded down: 100 is the last cent.")
    investors: int
    deadline: str = strawberry.field(description="RFC 3339 in UTC.")
    version: int = strawberry.field(description="Rises with each change of the funding.")


@strawberry.type(description="One factor that was actually scored, in a plain sentence.")
class Reason:
    code: str
    text: str = strawberry.field(description="Of a reason against the loan, with what would change it.")
    favours: bool = strawberry.field(description="Whether it speaks for the loan.")


@strawberry.type(description="The risk service's assessment of these terms.")
class Risk:
    grade: Grade
    probability_of_default: str = strawberry.field(description="A share of one, a decimal string.")
    expected_loss: str = strawberry.field(description="A share of the amount lent, a decimal string.")
    suggested_rate: str = strawberry.field(description="Percent a year, a decimal string.")
    reasons: list[Reason]


@strawberry.type(description="A recovery case: what is being done after a default. Dates are ISO 8601.")
class Recovery:
    opened_on: str
    closed_on: str | None = strawberry.field(description="The day that the loan closed; null while it runs.")
    next_update_due_on: str
    update_overdue: bool = strawberry.field(description="Whether investors have waited too long for an update.")
    updated_on: str | None
    newest_update: str = strawberry.field(description="The platform's newest words to the investors.")


async def _recovery(root: Any, info: strawberry.Info[RequestContext, None]) -> Recovery | None:
    return await info.context.recoveries.load(root["id"])  # type: ignore[return-value]  # types are read from the document


async def _assessment(root: Any, info: strawberry.Info[RequestContext, None]) -> LoanAssessment | None:
    return await info.context.assessments.load(root["id"])  # type: ignore[return-value]  # types are read from the document


@strawberry.type(name="Loan", description="A loan as the marketplace shows it.")
class ListedLoan:
    id: strawberry.ID
    title: str
    status: ListedStatus
    purpose: str = strawberry.field(description="purchase, refinance, works, development or other.")
    purpose_note: str = strawberry.field(description="The borrower's words beside it.")
    exit_strategy: str = strawberry.field(description="sale, refinance or other.")
    exit_note: str = strawberry.field(description="The borrower's words beside it.")
    property: ListedProperty
    terms: Terms
    funding: Funding
    risk: Risk | None
    recovery: Recovery | None = strawberry.field(
        resolver=_recovery, description="Of a loan that is, or was, in recovery; null otherwise."
    )
    assessment: LoanAssessment | None = strawberry.field(
        resolver=_assessment, description="The assessment that the loan goes by: valuation, stress grid, flags."
    )


@strawberry.type
class LoanEdge:
    cursor: str
    node: ListedLoan


@strawberry.type
class PageInfo:
    end_cursor: str | None
    has_next_page: bool


async def _total_count(root: Any, info: strawberry.Info[RequestContext, None]) -> int:
    return await info.context.listings.count(root["query"])


@strawberry.type(description="A page of loans, by keyset: go on with `after: endCursor`.")
class LoanConnection:
    edges: list[LoanEdge]
    page_info: PageInfo
    total_count: int = strawberry.field(
        resolver=_total_count, description="All loans that fit the filter; counted only when asked for."
    )


@strawberry.type(
    name="DecisionReview", description="A review of a decline that its borrower contests, without an answer yet."
)
class OpenReview:
    id: strawberry.ID
    loan_id: strawberry.ID
    requested_at: str
    statement: str
    due_on: str
    overdue: bool


@strawberry.type(description="Who is signed in.")
class Me:
    id: strawberry.ID
    email: str
    full_name: str
    roles: list[str]


def connection(query: ListingQuery, page: ListingPage) -> Document:
    """The value of a LoanConnection. ``query`` stays with it for the count."""
    return {
        "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(page.cursors, page.nodes, strict=True)],
        "page_info": {
            "end_cursor": page.cursors[-1] if page.cursors else None,
            "has_next_page": page.has_next,
        },
        "query": query,
    }


def page_query(
    first: int | None, after: str | None, filter: LoanFilter | None, order_by: LoanOrder | None
) -> ListingQuery:
    """The arguments of ``loans`` as a query. Raises PageTooLarge, MalformedAmount or InvalidQuery."""
    size = DEFAULT_PAGE if first is None else first
    if not 1 <= size <= MAX_PAGE:
        raise PageTooLarge(allowed=MAX_PAGE)
    return listing_query(size, after, filter, order_by)


@strawberry.type
class Query:
    @strawberry.field(description="Listed loans, newest first unless ordered otherwise.", metadata=FOR_ANYONE)  # type: ignore[untyped-decorator]
    async def loans(
        self,
        info: strawberry.Info[RequestContext, None],
        first: int | None = None,
        after: str | None = None,
        filter: LoanFilter | None = None,
        order_by: LoanOrder | None = None,
    ) -> LoanConnection:
        query = page_query(first, after, filter, order_by)
        page = await info.context.listings.page(query)
        return connection(query, page)  # type: ignore[return-value]  # types are read from the document

    @strawberry.field(description="One listed loan, or null where there is none to see.", metadata=FOR_ANYONE)  # type: ignore[untyped-decorator]
    async def loan(self, info: strawberry.Info[RequestContext, None], id: strawberry.ID) -> ListedLoan | None:
        return await info.context.listings.get(str(id))  # type: ignore[return-value]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Who is signed in; an error `unauthenticated` where nobody is.",
        metadata=requires(Permission.OWN_ACCOUNT),
    )
    async def me(self, info: strawberry.Info[RequestContext, None]) -> Me | None:
        person = await info.context.me()
        if person is None:
            raise Unauthenticated()
        return person  # type: ignore[return-value]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="Staff's queue: the reviews that wait for an answer, the first due first, at most 100.",
        metadata=requires(Permission.LOANS_READ_ALL),
    )
    async def decision_reviews(self, info: strawberry.Info[RequestContext, None]) -> list[OpenReview]:
        return await info.context.reviews()  # type: ignore[return-value]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="For staff: the whole assessment that a loan goes by, listed or not; null before there is one.",
        metadata=requires(Permission.LOANS_READ_ALL),
    )
    async def assessment(
        self, info: strawberry.Info[RequestContext, None], loan_id: strawberry.ID
    ) -> StaffAssessment | None:
        return await info.context.staff_assessment(str(loan_id))  # type: ignore[return-value]


def _key(document: Any, name: str) -> Any:
    return document[name]


class MarketplaceSchema(strawberry.Schema):
    """The schema, and what the compiled path must know of it."""

    @property
    def core(self) -> GraphQLSchema:
        """graphql-core's schema below Strawberry's: validation and plans read its types."""
        return self._schema

    @cached_property
    def query_arguments(self) -> Mapping[str, list[StrawberryArgument]]:
        """The arguments of each field of the query, by the field's GraphQL name."""
        return {field.name: field.arguments for field in _fields(Query)}

    def document_key(self, type_name: str, field_name: str) -> str:
        """Under which key of a document a field's value is."""
        return self._document_keys[type_name, field_name]

    @cached_property
    def resolved_elsewhere(self) -> frozenset[tuple[str, str]]:
        """(type, field) of what no document holds: only the ordinary executor reads it."""
        name_of = self.config.name_converter.get_graphql_name
        return frozenset(
            (_definition(ListedLoan).name, name_of(field))
            for field in _fields(ListedLoan)
            if field.base_resolver is not None
        )

    @cached_property
    def _document_keys(self) -> Mapping[tuple[str, str], str]:
        shown = (Amount, ListedProperty, Terms, Funding, Reason, Risk, ListedLoan, LoanEdge, PageInfo, LoanConnection)
        name_of = self.config.name_converter.get_graphql_name
        return {
            (_definition(kind).name, name_of(field)): field.python_name for kind in shown for field in _fields(kind)
        }

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """The edge formats and logs errors; Strawberry would print the expected ones with a stack trace."""


def _definition(kind: type) -> StrawberryObjectDefinition:
    definition: StrawberryObjectDefinition = kind.__strawberry_definition__  # type: ignore[attr-defined]
    return definition


def _fields(kind: type) -> list[StrawberryField]:
    return _definition(kind).fields


def field_permissions() -> dict[str, frozenset[Permission]]:
    """What each field of the query declares, by ``Query.name``. Raises KeyError for one that declares nothing."""
    return {f"Query.{field.python_name}": field.metadata[REQUIRES] for field in _fields(Query)}


class _AsPrepared(SchemaExtension):
    """Hands over the document that was parsed and validated once, in place of doing both again."""

    def on_parse(self) -> Iterator[None]:
        self.execution_context.graphql_document = self.execution_context.context.document
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = []
        yield


schema = MarketplaceSchema(
    query=Query,
    extensions=[_AsPrepared],
    config=StrawberryConfig(default_resolver=_key, disable_field_suggestions=True, relay_max_results=MAX_PAGE),
)
