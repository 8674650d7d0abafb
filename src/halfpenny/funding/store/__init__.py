"""All SQL of funding: the desk's batch, tickets and positions, wallet payments, reconciliation."""
