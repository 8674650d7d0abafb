"""The marketplace through GraphQL: schema, limits, a compiled path for reads, and the HTTP edge."""

from halfpenny.marketplace.graphql.edge import router
from halfpenny.marketplace.graphql.execute import Marketplace
from halfpenny.marketplace.graphql.limits import Limits
from halfpenny.marketplace.graphql.schema import field_permissions, schema

__all__ = ["Limits", "Marketplace", "field_permissions", "router", "schema"]
