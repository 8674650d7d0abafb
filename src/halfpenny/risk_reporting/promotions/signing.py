"""The signature of a promotion: ES256 over its JSON, in a JWS that the risk service verifies by the public half."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jws

from halfpenny.identity import BadSigningKey, SigningKeys, load_keys
from halfpenny.risk_reporting.promotions import errors
from halfpenny_messages import SIGNATURE_ALGORITHM, SIGNATURE_TYPE, Promotion

SETTING = "HALFPENNY_PROMOTION_KEY_FILE"


@dataclass(frozen=True, slots=True)
class PromotionKey:
    """Where the key lies, and whether it may be made. It is read for each signature: there are a few a year."""

    file: Path
    make: bool

    def load(self) -> SigningKeys:
        """Raises PromotionKeyMissing where it cannot be used, with the reason."""
        try:
            return load_keys(self.file, SETTING, make=self.make)
        except BadSigningKey as error:
            raise errors.PromotionKeyMissing(str(error)) from error

    def sign(self, promotion: Promotion) -> str:
        """The compact JWS. Raises PromotionKeyMissing."""
        key = self.load().current
        header = {"alg": SIGNATURE_ALGORITHM, "typ": SIGNATURE_TYPE, "kid": key.thumbprint()}
        return jws.serialize_compact(header, msgspec.json.encode(promotion), key, algorithms=[SIGNATURE_ALGORITHM])


def public_key_document(key: PromotionKey) -> dict[str, Any]:
    """The public halves as a JWK set (RFC 7517), for the risk service. Raises PromotionKeyMissing."""
    return {"keys": [each.as_dict(private=False) for each in key.load().by_id.values()]}
