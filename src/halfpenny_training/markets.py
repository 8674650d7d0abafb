"""The markets that a valuation can be trained for: how each one's columns become homes and sales.

Another market is another function here: everything after it is common.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from halfpenny_risk.market_features import Attributes, Ints, plane_of
from halfpenny_risk.normal import Floats
from halfpenny_training.table import Table, read_csv


@dataclass(frozen=True)
class MarketData:
    """Sales of one market in the order of their days. ``zone`` and ``parcel`` are codes from 0; ``days`` count from
    ``epoch``; each of ``years`` is [first day, day after the last) of one calendar year."""

    name: str
    country: str
    currency: str
    centre: tuple[float, float]
    epoch: date
    kinds: Mapping[str, float]
    similarity: Mapping[str, float]
    reach_km: float
    homes: Attributes
    day: Floats
    price: Floats
    zone: Ints
    parcel: Ints
    test_from: date

    def day_of(self, when: date) -> float:
        """A date as a day number."""
        return float((when - self.epoch).days)

    @property
    def month(self) -> Ints:
        """Calendar months from the epoch's."""
        dates = np.datetime64(self.epoch, "D") + self.day.astype(np.int64)
        return (dates.astype("datetime64[M]") - np.datetime64(self.epoch, "M")).astype(np.int64)


def seattle(data: Path) -> MarketData:
    """King County's sales in Seattle, 2010-2016."""
    table = _in_order(read_csv(data / "seattle.csv"), "sale_date")
    centre = (47.6, -122.33)
    x, y = plane_of(table.floats("latitude"), table.floats("longitude"), centre)
    columns = {
        "log_area": np.log(table.floats("tot_sf")),
        "log_lot": np.log(table.floats("lot_sf")),
        "waterfront": table.floats("wfnt"),
        "grade": table.floats("bldg_grade"),
        "beds": table.floats("beds"),
        "baths": table.floats("baths"),
        "age": table.floats("age"),
        "eff_age": table.floats("eff_age"),
        "detached": (table.texts("use_type") == "sfr").astype(np.float64),
    }
    return MarketData(
        name="seattle",
        country="US",
        currency="USD",
        centre=centre,
        epoch=date(2010, 1, 1),
        kinds={"house": 1.0, "townhouse": 0.0},
        similarity={
            "log_area": 0.2,
            "grade": 0.7,
            "age": 15.0,
            "eff_age": 25.0,
            "detached": 1.0 / 3.0,
            "log_lot": 0.4,
        },
        reach_km=1.5,
        homes=Attributes(tuple(columns), np.column_stack(list(columns.values())), x, y),
        day=_days(table, "sale_date", date(2010, 1, 1)),
        price=table.floats("sale_price"),
        zone=_codes(table.texts("area")),
        parcel=_codes(table.texts("pinx")),
        test_from=date(2016, 1, 1),
    )


def lucas(data: Path) -> MarketData:
    """Lucas County, Ohio, 1993-1998: other attributes, no parcel numbers, no assessor's areas."""
    table = _in_order(read_csv(data / "lucas.csv"), "sale_date")
    centre = (41.63, -83.63)
    x, y = plane_of(table.floats("lat"), table.floats("lon"), centre)
    sold = table.floats("sale_year")
    columns = {
        "log_area": np.log(table.floats("TLA")),
        "log_lot": np.log(np.maximum(table.floats("lotsize"), 100.0)),
        "beds": table.floats("beds"),
        "baths": table.floats("baths") + 0.5 * table.floats("halfbaths"),
        "age": np.maximum(sold - table.floats("yrbuilt"), 0.0),
        "rooms": table.floats("rooms"),
        "garage_area": table.floats("garagesqft") / 100.0,
        "stories": np.char.startswith(table.texts("stories"), "two").astype(np.float64)
        + 2.0 * np.char.startswith(table.texts("stories"), "one+half"),
        "brick": np.isin(table.texts("wall"), ["brick", "stone"]).astype(np.float64),
        "detached": np.ones(len(table)),
    }
    return MarketData(
        name="lucas",
        country="US",
        currency="USD",
        centre=centre,
        epoch=date(1993, 1, 1),
        kinds={"house": 1.0},
        similarity={"log_area": 0.2, "age": 15.0, "log_lot": 0.4, "baths": 0.7, "garage_area": 3.0, "brick": 1.0},
        reach_km=4.0,
        homes=Attributes(tuple(columns), np.column_stack(list(columns.values())), x, y),
        day=_days(table, "sale_date", date(1993, 1, 1)),
        price=table.floats("price"),
        # A square of three kilometres stands in for an assessor's area.
        zone=_codes((np.floor(x / 3.0).astype(int) * 1000 + np.floor(y / 3.0).astype(int)).astype(str)),
        parcel=np.arange(len(table)),
        test_from=date(1998, 1, 1),
    )


MARKETS: Mapping[str, Callable[[Path], MarketData]] = {"seattle": seattle, "lucas": lucas}


def _in_order(table: Table, column: str) -> Table:
    """By date, so that "earlier" is "above" and a stable order makes every run the same."""
    return table.rows(np.argsort(table.texts(column), kind="stable"))


def _days(table: Table, column: str, epoch: date) -> Floats:
    dates = table.texts(column).astype("datetime64[D]")
    return (dates - np.datetime64(epoch, "D")).astype(np.float64)


def _codes(labels: np.ndarray) -> Ints:
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)
