"""What no ordinary property, business or loan of this market has: the platform and the risk service refuse it by name.

Absurd facts, such as a floor area of a thousand houses, would let a valuation model find any stated value low.
"""

from __future__ import annotations

# Between a garage and the largest halls.
LEAST_AREA_M2 = 5
MOST_AREA_M2 = 100_000
# No bedroom is smaller.
LEAST_AREA_PER_BED_M2 = 5
# Few businesses are older.
MOST_YEARS_TRADING = 200
# Of every amount in an application; the platform lends at most five millions.
MOST_EUROS = 1_000_000_000
