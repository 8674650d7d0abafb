"""The use cases of funding, one module each. What the desk does for a ticket is in ``funding.desk``."""
