"""Countries by their ISO 3166-1 alpha-2 code, and whether a position lies in one.

``countries.json`` holds Natural Earth's outlines (public domain, 1:50,000,000) thinned to 0.05 degrees;
``scripts/make_country_outlines.py`` makes it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import msgspec

# The outlines are coarse: a quay or a border town may lie this far outside of them.
NEAR_KM = 15.0
_KM_A_DEGREE = 111.32


@lru_cache(maxsize=1)
def _outlines() -> dict[str, list[list[int]]]:
    """Rings of longitude, latitude, longitude, ... in hundredths of a degree, by country."""
    content = Path(__file__).with_name("countries.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, list[list[int]]])


def is_country(code: str) -> bool:
    """Whether ``code`` is an ISO 3166-1 alpha-2 code, in capitals."""
    return code in _outlines()


def lies_in(code: str, lat: float, lon: float) -> bool:
    """Whether a position (WGS 84 degrees) lies in the country, or within ``NEAR_KM`` of it; False for no country."""
    return any(_holds(ring, lat, lon) for ring in _outlines().get(code, []))


def _holds(ring: list[int], lat: float, lon: float) -> bool:
    """Whether the point is inside the ring or near its line: a ray to the east, and the distance to each edge."""
    east = _KM_A_DEGREE * math.cos(math.radians(min(abs(lat), 89.0)))
    lons, lats = ring[0::2], ring[1::2]
    margin = 100.0 * NEAR_KM / _KM_A_DEGREE
    if not min(lats) - margin <= 100.0 * lat <= max(lats) + margin:
        return False
    inside = False
    x1, y1 = (lons[-1] / 100.0 - lon) * east, (lats[-1] / 100.0 - lat) * _KM_A_DEGREE
    for next_lon, next_lat in zip(lons, lats, strict=True):
        x0, y0 = x1, y1
        x1, y1 = (next_lon / 100.0 - lon) * east, (next_lat / 100.0 - lat) * _KM_A_DEGREE
        if (y0 > 0.0) != (y1 > 0.0) and x0 + (x1 - x0) * y0 / (y0 - y1) > 0.0:
            inside = not inside
        if _near_edge(x0, y0, x1, y1):
            return True
    return inside


def _near_edge(x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether the edge, in km from the point, passes within ``NEAR_KM`` of it."""
    dx, dy = x1 - x0, y1 - y0
    square = dx * dx + dy * dy
    share = 0.0 if square == 0.0 else min(1.0, max(0.0, -(x0 * dx + y0 * dy) / square))
    return math.hypot(x0 + share * dx, y0 + share * dy) <= NEAR_KM
