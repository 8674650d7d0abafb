"""Use cases of servicing, one module each. Every one that moves money ends in ``posting.post_events``."""
