"""How much one GraphQL document may ask for: measured before anything is executed.

Tokens are counted by the parser. The rest is one walk over the operation in which each fragment is measured
once, so that fragments that multiply each other cost the attacker more than us. A list costs what it can hold at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from halfpenny.marketplace.assessments import PUBLIC_FLAGS
from halfpenny.marketplace.errors import QueryTooLarge
from halfpenny_messages import MOST_PRINCIPAL_REASONS


@dataclass(frozen=True, slots=True)
class Limits:
    """``cost`` counts fields, those in a list as often as the list may be long; a read of the store is ``READ``."""

    characters: int = 20_000
    tokens: int = 1_000
    depth: int = 12
    aliases: int = 15
    directives: int = 15
    cost: int = 6_000


READ = 10
READS = frozenset(
    {
        *("Query.loans", "Query.loan", "Query.me", "Query.decisionReviews", "Query.assessment"),
        *("LoanConnection.totalCount", "Loan.recovery", "Loan.assessment"),
    }
)
"""The fields that are read from a store of their own."""
LONGEST: Mapping[str, int] = {
    "Query.decisionReviews": 100,
    "Risk.reasons": 2 * MOST_PRINCIPAL_REASONS,
    "Assessment.stress": 32,
    "Assessment.flags": len(PUBLIC_FLAGS),
    "StaffAssessment.stress": 32,
    "StaffAssessment.flags": 60,
    "StaffAssessment.reasons": 40,
    "StaffAssessment.principalAgainst": MOST_PRINCIPAL_REASONS,
    "StaffAssessment.principalFor": MOST_PRINCIPAL_REASONS,
    "Valuation.comparables": 6,
    "ScoredReason.audience": 3,
    "Me.roles": 1,
}
"""How much each list can hold, but for EDGES: these are counted by the page that ``loans`` asks for."""
EDGES = "LoanConnection.edges"


@dataclass(frozen=True, slots=True)
class Measure:
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0

    def beside(self, other: Measure) -> Measure:
        return Measure(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.cost + other.cost,
        )


def check(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    limits: Limits,
    default_page: int,
) -> None:
    """Raise QueryTooLarge with the first measure that is passed. ``document`` must be valid already."""
    measured = _Walk(schema, document, variables, default_page).operation(operation)
    measured = measured.beside(Measure(directives=_directives(operation)))
    for name in ("depth", "aliases", "directives", "cost"):
        allowed = getattr(limits, name)
        if getattr(measured, name) > allowed:
            raise QueryTooLarge(measure=name, allowed=allowed)


@dataclass(frozen=True, slots=True)
class _Around:
    """What a selection stands in: a type, and how many edges a connection there can hold."""

    type: GraphQLNamedType | None
    page: int

    def place(self, field: FieldNode) -> str:
        return f"{self.type.name if self.type else ''}.{field.name.value}"


class _Walk:
    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any], default_page: int
    ) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[tuple[str, int], Measure] = {}
        self._variables = variables
        self._default_page = default_page

    def operation(self, operation: OperationDefinitionNode) -> Measure:
        return self._selections(operation.selection_set, _Around(self._schema.query_type, self._default_page))

    def _selections(self, selection_set: SelectionSetNode | None, around: _Around) -> Measure:
        total = Measure()
        for selection in selection_set.selections if selection_set else ():
            total = total.beside(self._selection(selection, around))
        return total

    def _selection(self, selection: SelectionNode, around: _Around) -> Measure:
        found = Measure(directives=_directives(selection))
        if isinstance(selection, FieldNode):
            return found.beside(self._field(selection, around))
        if isinstance(selection, FragmentSpreadNode):
            return found.beside(self._fragment(selection.name.value, around))
        if isinstance(selection, InlineFragmentNode):
            return found.beside(self._selections(selection.selection_set, around))
        return found

    def _fragment(self, name: str, around: _Around) -> Measure:
        # The schema has no interface and no union: a fragment is of the type around it.
        if (name, around.page) not in self._measured:
            fragment = self._fragments[name]
            inner = self._selections(fragment.selection_set, around)
            self._measured[name, around.page] = inner.beside(Measure(directives=_directives(fragment)))
        return self._measured[name, around.page]

    def _field(self, field: FieldNode, around: _Around) -> Measure:
        if field.name.value in ("__schema", "__type"):
            # Only there while developing, where the tools' own question is deeper than any of ours.
            return Measure(depth=1, cost=READ)
        place = around.place(field)
        defined = around.type.fields.get(field.name.value) if isinstance(around.type, GraphQLObjectType) else None
        page = self._page(field) if place == "Query.loans" else around.page
        inner = self._selections(field.selection_set, _Around(get_named_type(defined.type) if defined else None, page))
        times = page if place == EDGES else LONGEST.get(place, 1)
        own = READ if place in READS else 1
        if field.selection_set is None:
            # Each text of a list of texts is completed as a field is.
            own = max(own, times)
        return Measure(
            inner.depth + 1,
            inner.aliases + (field.alias is not None),
            inner.directives,
            own + times * inner.cost,
        )

    def _page(self, field: FieldNode) -> int:
        for argument in field.arguments or ():
            if argument.name.value == "first":
                value: Any = argument.value
                if isinstance(value, IntValueNode):
                    return max(int(value.value), 1)
                if isinstance(value, VariableNode):
                    value = self._variables.get(value.name.value)
                    if isinstance(value, int) and not isinstance(value, bool):
                        return max(value, 1)
        return self._default_page


def _directives(node: Any) -> int:
    return len(node.directives or ())
