"""The funding desk: many requests, one transaction, an answer for each."""
