"""The platform's side of risk: takes the risk service's answers, keeps every one, and asks again.

The question itself leaves with the application (``loan.submitted``), in the transaction that stores it.
"""

from halfpenny.underwriting.consumers import SUBSCRIPTION
from halfpenny.underwriting.service import ask_again, ask_all_again, receive

__all__ = ["SUBSCRIPTION", "ask_again", "ask_all_again", "receive"]
