"""All SQL of servicing, one module a concern."""
