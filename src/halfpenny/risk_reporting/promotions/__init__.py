"""Promotions of borrower models: proposed with a judgement, approved by a second person, signed for the service."""

from halfpenny.risk_reporting.promotions.acts import PROMOTE, promotion_acts
from halfpenny.risk_reporting.promotions.consumers import SUBSCRIPTION
from halfpenny.risk_reporting.promotions.errors import PromotionKeyMissing
from halfpenny.risk_reporting.promotions.signing import PromotionKey, public_key_document

__all__ = ["PROMOTE", "SUBSCRIPTION", "PromotionKey", "PromotionKeyMissing", "promotion_acts", "public_key_document"]
