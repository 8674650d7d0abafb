"""How much one GraphQL document may ask for: measured before anything is executed.

Tokens are counted by the parser. The rest is one walk over the operation in which each fragment is measured
once, so that fragments that multiply each other cost the attacker more than us.
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
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

from halfpenny.marketplace.errors import QueryTooLarge


@dataclass(frozen=True, slots=True)
class Limits:
    """``cost`` counts fields, those in a list as often as its page is long; a read of the store is ``READ``."""

    characters: int = 20_000
    tokens: int = 1_000
    depth: int = 12
    aliases: int = 15
    directives: int = 15
    cost: int = 6_000


READ = 10


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
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    limits: Limits,
    default_page: int,
) -> None:
    """Raise QueryTooLarge with the first measure that is passed. ``document`` must be valid already."""
    measured = _Walk(document, variables, default_page).selections(operation.selection_set)
    measured = measured.beside(Measure(directives=_directives(operation)))
    for name in ("depth", "aliases", "directives", "cost"):
        allowed = getattr(limits, name)
        if getattr(measured, name) > allowed:
            raise QueryTooLarge(measure=name, allowed=allowed)


class _Walk:
    def __init__(self, document: DocumentNode, variables: Mapping[str, Any], default_page: int) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[str, Measure] = {}
        self._variables = variables
        self._default_page = default_page

    def selections(self, selection_set: SelectionSetNode | None) -> Measure:
        total = Measure()
        for selection in selection_set.selections if selection_set else ():
            total = total.beside(self._selection(selection))
        return total

    def _selection(self, selection: SelectionNode) -> Measure:
        found = Measure(directives=_directives(selection))
        if isinstance(selection, FieldNode):
            return found.beside(self._field(selection))
        if isinstance(selection, FragmentSpreadNode):
            return found.beside(self._fragment(selection.name.value))
        if isinstance(selection, InlineFragmentNode):
            return found.beside(self.selections(selection.selection_set))
        return found

    def _fragment(self, name: str) -> Measure:
        if name not in self._measured:
            fragment = self._fragments[name]
            inner = self.selections(fragment.selection_set)
            self._measured[name] = inner.beside(Measure(directives=_directives(fragment)))
        return self._measured[name]

    def _field(self, field: FieldNode) -> Measure:
        if field.name.value in ("__schema", "__type"):
            # Only there while developing, where the tools' own question is deeper than any of ours.
            return Measure(depth=1, cost=READ)
        inner = self.selections(field.selection_set)
        times = self._page(field) if field.name.value == "loans" else 1
        own = READ if field.name.value in ("loans", "loan", "totalCount", "me") else 1
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
