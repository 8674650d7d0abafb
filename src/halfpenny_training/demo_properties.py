"""Choose the demo's properties from the Seattle sales, and bring their prices to euros of December 2016.

Run in the training environment (``make train`` sets it up): ``python -m halfpenny_training.demo_properties``.
The choice is by the hash of the sale's id, so that the same file comes out every time.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from halfpenny_training.index import hedonic_index
from halfpenny_training.sources import seattle_sales
from halfpenny_training.table import Table

OUT = Path(__file__).resolve().parents[1] / "halfpenny_demo" / "seeding" / "properties.json"
PROPERTIES = 200
# Euro reference rate of the European Central Bank, 30 December 2016: one euro in US dollars.
USD_PER_EUR = 1.0541
SQUARE_METRES_PER_SQUARE_FOOT = 0.09290304
CONDITIONS = ((5, "poor"), (6, "fair"), (7, "average"), (9, "good"), (13, "excellent"))


def condition_of(grade: int) -> str:
    """The assessor's grade of construction (4 to 13) in the words of an application."""
    return next(word for limit, word in CONDITIONS if grade <= limit)


def parcel_of(pinx: str) -> str:
    """``..0001800010`` is parcel 000180-0010: the first six digits are the plat, the last four the lot."""
    digits = pinx.lstrip(".")
    return f"{digits[:6]}-{digits[6:]}"


def chosen_rows(sales: Table) -> list[int]:
    """About 200 sales of 2016 between 200,000 and 2,000,000 dollars, spread over the assessor's areas."""
    dates, prices, areas = sales.texts("sale_date"), sales.floats("sale_price"), sales.texts("area")
    order = sorted(
        (row for row in range(len(sales)) if dates[row] >= "2016-01-01" and 200_000 <= prices[row] <= 2_000_000),
        key=lambda row: hashlib.sha256(str(sales.columns["sale_id"][row]).encode()).hexdigest(),
    )
    by_area: dict[str, list[int]] = {}
    seen: set[str] = set()
    for row in order:
        parcel = str(sales.columns["pinx"][row])
        if parcel not in seen:
            seen.add(parcel)
            by_area.setdefault(str(areas[row]), []).append(row)
    chosen: list[int] = []
    while len(chosen) < PROPERTIES:
        for area in sorted(by_area):
            if by_area[area] and len(chosen) < PROPERTIES:
                chosen.append(by_area[area].pop(0))
    return sorted(chosen)


def main() -> None:
    sales = seattle_sales()
    dates = sales.texts("sale_date").astype("datetime64[M]")
    month = (dates - np.datetime64("2010-01", "M")).astype(np.float64)
    names = (
        "lot_sf",
        "bldg_grade",
        "tot_sf",
        "beds",
        "baths",
        "age",
        "eff_age",
        "longitude",
        "latitude",
        "wfnt",
    )
    columns = {name: sales.floats(name) for name in names}
    area = sales.texts("area")
    hedonics = np.column_stack(
        [np.log(columns["tot_sf"]), np.log(columns["lot_sf"])]
        + [columns[name] for name in names if name not in ("lot_sf", "tot_sf")]
        + [(area == code).astype(np.float64) for code in sorted(set(area.tolist()))]
    )
    index = hedonic_index(np.log(sales.floats("sale_price")), month, hedonics)
    price = sales.floats("sale_price")
    properties = []
    for row in chosen_rows(sales):
        factor = float(np.exp(-index.level[int(month[row])]))
        parcel = parcel_of(str(sales.columns["pinx"][row]))
        usd = float(price[row])
        properties.append(
            {
                "parcel": parcel,
                "kind": "house" if sales.columns["use_type"][row] == "sfr" else "townhouse",
                "address": f"Parcel {parcel}, assessment area {area[row]}",
                "city": "Seattle",
                "country": "US",
                "lat": round(float(columns["latitude"][row]), 6),
                "lon": round(float(columns["longitude"][row]), 6),
                "area_m2": round(float(columns["tot_sf"][row]) * SQUARE_METRES_PER_SQUARE_FOOT, 1),
                "lot_m2": round(float(columns["lot_sf"][row]) * SQUARE_METRES_PER_SQUARE_FOOT, 1),
                "beds": int(columns["beds"][row]),
                "year_built": int(str(sales.columns["sale_date"][row])[:4]) - int(columns["age"][row]),
                "condition": condition_of(int(columns["bldg_grade"][row])),
                "sold_on": str(sales.columns["sale_date"][row]),
                "sale_price_usd": f"{usd:.2f}",
                "index_factor": round(factor, 6),
                # Whole hundreds, as prices are spoken of; valued at the last month of the data.
                "price_eur": f"{round(usd * factor / USD_PER_EUR, -2):.2f}",
                "valued_on": "2016-12-31",
            }
        )
    OUT.write_text(
        "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in properties) + "\n]\n",
        encoding="utf-8",
    )
    sys.stdout.write(f"{len(properties)} properties, drift {index.drift:.4f}, volatility {index.volatility:.4f}\n")


if __name__ == "__main__":
    main()
