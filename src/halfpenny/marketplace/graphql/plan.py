"""The compiled path: a document's selection becomes one read of the store and a tree of pickers.

Field-by-field completion is most of what an ordinary executor costs in Python. A plan is made once for each
document and answers every request that brings the same one. It accepts queries of ``loans`` and ``loan`` with
aliases, fragments, arguments, variables and constant directives; for anything else ``compile_plan`` returns
None and the ordinary executor answers. Both answer alike, which a test proves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
)
from graphql.execution import get_argument_values
from graphql.execution.values import VariableValues
from strawberry.types.arguments import convert_arguments

from halfpenny.marketplace.graphql.prepare import PreparedRequest
from halfpenny.marketplace.graphql.schema import Listings, MarketplaceSchema, connection, page_query
from halfpenny.marketplace.model import Document

Picker = Callable[[Any], Any]


class _NotCompilable(Exception):
    """The document uses something that only the ordinary executor knows."""


@dataclass(frozen=True, slots=True)
class _Root:
    """One field of the query: where its value goes, which arguments it takes, what is picked from it."""

    response_key: str
    field: FieldNode
    pick: Picker
    paths: frozenset[str]
    counts: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """``constants`` are root values known beforehand (``__typename``); ``order`` keeps the response's order."""

    roots: tuple[_Root, ...]
    constants: Document
    order: tuple[str, ...]
    schema: MarketplaceSchema

    async def run(self, listings: Listings, variables: VariableValues) -> Document:
        """The response's ``data``. Raises what the store or the arguments raise."""
        data = dict(self.constants)
        for root in self.roots:
            data[root.response_key] = await self._value(root, listings, variables)
        return {key: data[key] for key in self.order}

    async def _value(self, root: _Root, listings: Listings, variables: VariableValues) -> Any:
        name = root.field.name.value
        definition = cast(GraphQLObjectType, self.schema.core.query_type).fields[name]
        given = get_argument_values(definition, root.field, variables, hide_suggestions=True)
        arguments = convert_arguments(
            given,
            self.schema.query_arguments[name],
            self.schema.schema_converter.scalar_registry,
            self.schema.config,
        )
        if name == "loan":
            found = await listings.get(str(arguments["id"]), root.paths)
            return None if found is None else root.pick(found)
        query = page_query(
            arguments.get("first"), arguments.get("after"), arguments.get("filter"), arguments.get("order_by")
        )
        value = connection(query, await listings.page(query, root.paths))
        if root.counts:
            value["total_count"] = await listings.count(query)
        return root.pick(value)


def compile_plan(schema: MarketplaceSchema, prepared: PreparedRequest) -> Plan | None:
    """A plan for one operation, or None when it needs the ordinary executor."""
    try:
        return _Compiler(schema, prepared).plan(prepared.operation)
    except _NotCompilable:
        return None


class _Compiler:
    def __init__(self, schema: MarketplaceSchema, prepared: PreparedRequest) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in prepared.document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def plan(self, operation: OperationDefinitionNode) -> Plan:
        if operation.directives:
            raise _NotCompilable
        query = self._type("Query")
        roots, constants = [], {}
        fields = self._collect(query, [operation.selection_set])
        for key, nodes in fields.items():
            name = nodes[0].name.value
            if name == "__typename":
                constants[key] = query.name
            elif name in ("loans", "loan"):
                roots.append(self._root(key, nodes, query))
            else:
                raise _NotCompilable
        return Plan(tuple(roots), constants, tuple(fields), self._schema)

    def _root(self, key: str, nodes: list[FieldNode], query: GraphQLObjectType) -> _Root:
        name = nodes[0].name.value
        shown = self._type(get_named_type(query.fields[name].type).name)
        selected = self._collect(shown, _selections(nodes))
        if name == "loan":
            return _Root(key, nodes[0], self._picker(shown, selected), self._paths(selected), False)
        counts = any(inner[0].name.value == "totalCount" for inner in selected.values())
        paths: frozenset[str] = frozenset()
        for edges in self._named(selected, "edges"):
            for node in self._named(self._collect(self._type("LoanEdge"), _selections(edges)), "node"):
                paths |= self._paths(self._collect(self._type("Loan"), _selections(node)))
        return _Root(key, nodes[0], self._picker(shown, selected), paths, counts)

    def _type(self, name: str) -> GraphQLObjectType:
        return cast(GraphQLObjectType, self._schema.core.type_map[name])

    @staticmethod
    def _named(fields: dict[str, list[FieldNode]], name: str) -> list[list[FieldNode]]:
        return [nodes for nodes in fields.values() if nodes[0].name.value == name]

    def _paths(self, fields: dict[str, list[FieldNode]]) -> frozenset[str]:
        names = {nodes[0].name.value for nodes in fields.values()}
        return frozenset(self._schema.document_key("Loan", name) for name in names if name != "__typename")

    def _picker(self, shown: GraphQLObjectType, fields: dict[str, list[FieldNode]]) -> Picker:
        """A function from a document to the response's object, its fields in the order of the request."""
        picks: list[tuple[str, str | None, Any]] = []
        for key, nodes in fields.items():
            name = nodes[0].name.value
            if name == "__typename":
                picks.append((key, None, shown.name))
                continue
            if (shown.name, name) in self._schema.resolved_elsewhere:
                raise _NotCompilable
            kind = shown.fields[name].type
            inner = get_named_type(kind)
            pick: Picker | None = None
            if isinstance(inner, GraphQLObjectType):
                pick = self._picker(inner, self._collect(inner, _selections(nodes)))
                if isinstance(get_nullable_type(kind), GraphQLList):
                    pick = _each(pick)
                elif not isinstance(kind, GraphQLNonNull):
                    pick = _or_none(pick)
            picks.append((key, self._schema.document_key(shown.name, name), pick))
        return _object(picks)

    def _collect(
        self, shown: GraphQLObjectType, selection_sets: Sequence[SelectionSetNode]
    ) -> dict[str, list[FieldNode]]:
        """The fields by response key, in the order in which the executor meets them."""
        fields: dict[str, list[FieldNode]] = {}
        for selection_set in selection_sets:
            self._collect_into(fields, shown, selection_set, set())
        return fields

    def _collect_into(
        self,
        fields: dict[str, list[FieldNode]],
        shown: GraphQLObjectType,
        selection_set: SelectionSetNode,
        seen: set[str],
    ) -> None:
        for selection in selection_set.selections:
            if not _included(selection):
                continue
            if isinstance(selection, FieldNode):
                key = selection.alias.value if selection.alias else selection.name.value
                fields.setdefault(key, []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                if condition is None or condition.name.value == shown.name:
                    self._collect_into(fields, shown, selection.selection_set, seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                fragment = self._fragments[selection.name.value]
                if fragment.directives:
                    raise _NotCompilable
                if fragment.type_condition.name.value == shown.name:
                    self._collect_into(fields, shown, fragment.selection_set, seen)


def _included(selection: Any) -> bool:
    """Constant ``@skip`` and ``@include``; a condition that is a variable is for the ordinary executor."""
    included = True
    for directive in selection.directives or ():
        condition = next((a.value for a in directive.arguments or () if a.name.value == "if"), None)
        if directive.name.value not in ("skip", "include") or not isinstance(condition, BooleanValueNode):
            raise _NotCompilable
        included = included and condition.value is (directive.name.value == "include")
    return included


def _selections(nodes: Sequence[FieldNode]) -> list[SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set is not None]


def _object(picks: list[tuple[str, str | None, Any]]) -> Picker:
    if all(name is not None and pick is None for _, name, pick in picks):
        pairs = [(key, name) for key, name, _ in picks]
        return lambda document: {key: document[name] for key, name in pairs}

    def pick_object(document: Any) -> dict[str, Any]:
        found = {}
        for key, name, pick in picks:
            if name is None:
                found[key] = pick
            elif pick is None:
                found[key] = document[name]
            else:
                found[key] = pick(document[name])
        return found

    return pick_object


def _each(pick: Picker) -> Picker:
    return lambda values: [pick(value) for value in values]


def _or_none(pick: Picker) -> Picker:
    return lambda value: None if value is None else pick(value)
