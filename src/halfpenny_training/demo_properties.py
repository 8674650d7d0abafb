"""Choose the demo's real properties from the Seattle sales, each with the name of the place where it lies.

Run in the training environment (``make train`` sets it up): ``python -m halfpenny_training.demo_properties``.
The choice is by the hash of the sale's id, so that the same file comes out every time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from halfpenny_training.sources import seattle_sales
from halfpenny_training.table import Table

OUT = Path(__file__).resolve().parents[1] / "halfpenny_demo" / "seeding" / "properties.json"
PROPERTIES = 60
SQUARE_METRES_PER_SQUARE_FOOT = 0.09290304
# Neighbourhoods by a point in their middle (WGS 84); the sales have positions and no names.
PLACES = {
    "Admiral": (47.5816, -122.3866),
    "Alki": (47.5763, -122.4099),
    "Arbor Heights": (47.5092, -122.3796),
    "Ballard": (47.6687, -122.3847),
    "Beacon Hill": (47.5792, -122.3117),
    "Broadview": (47.7224, -122.3604),
    "Capitol Hill": (47.6231, -122.3165),
    "Central District": (47.6085, -122.2966),
    "Columbia City": (47.5599, -122.2866),
    "Crown Hill": (47.6943, -122.3716),
    "Delridge": (47.5461, -122.3601),
    "Eastlake": (47.6397, -122.3260),
    "Fauntleroy": (47.5231, -122.3930),
    "Fremont": (47.6506, -122.3499),
    "Georgetown": (47.5475, -122.3207),
    "Green Lake": (47.6797, -122.3257),
    "Greenwood": (47.6907, -122.3553),
    "Haller Lake": (47.7200, -122.3330),
    "High Point": (47.5419, -122.3713),
    "Highland Park": (47.5270, -122.3500),
    "Lake City": (47.7191, -122.2951),
    "Laurelhurst": (47.6617, -122.2777),
    "Madison Park": (47.6353, -122.2795),
    "Madrona": (47.6131, -122.2891),
    "Magnolia": (47.6505, -122.3999),
    "Maple Leaf": (47.6987, -122.3173),
    "Montlake": (47.6398, -122.3028),
    "Mount Baker": (47.5776, -122.2887),
    "Northgate": (47.7086, -122.3230),
    "Phinney Ridge": (47.6722, -122.3541),
    "Queen Anne": (47.6323, -122.3569),
    "Rainier Beach": (47.5122, -122.2574),
    "Ravenna": (47.6760, -122.3010),
    "Sand Point": (47.6829, -122.2590),
    "Seward Park": (47.5509, -122.2607),
    "South Park": (47.5287, -122.3229),
    "University District": (47.6613, -122.3131),
    "Wallingford": (47.6615, -122.3340),
    "Wedgwood": (47.6908, -122.2911),
    "West Seattle Junction": (47.5607, -122.3866),
}
CONDITIONS = ((5, "poor"), (6, "fair"), (7, "average"), (9, "good"), (13, "excellent"))


def condition_of(grade: int) -> str:
    """The assessor's grade of construction (4 to 13) in the words of an application."""
    return next(word for limit, word in CONDITIONS if grade <= limit)


def parcel_of(pinx: str) -> str:
    """``..0001800010`` is parcel 000180-0010: the first six digits are the plat, the last four the lot."""
    digits = pinx.lstrip(".")
    return f"{digits[:6]}-{digits[6:]}"


def place_of(lat: float, lon: float) -> str:
    """The neighbourhood whose middle is nearest: a name to tell homes apart by, and no boundary of the city's."""
    east = np.cos(np.radians(47.6))
    return min(PLACES, key=lambda name: float(np.hypot(PLACES[name][0] - lat, (PLACES[name][1] - lon) * east)))


def chosen_rows(sales: Table) -> list[int]:
    """Sales of 2016 between 200,000 and 2,000,000 dollars, spread over the assessor's areas."""
    dates, prices, areas = sales.texts("sale_date"), sales.floats("sale_price"), sales.texts("area")
    sale_ids, parcels = sales.cells("sale_id"), sales.cells("pinx")
    order = sorted(
        (row for row in range(len(sales)) if dates[row] >= "2016-01-01" and 200_000 <= prices[row] <= 2_000_000),
        key=lambda row: hashlib.sha256(str(sale_ids[row]).encode()).hexdigest(),
    )
    by_area: dict[str, list[int]] = {}
    sizes, lats, lons = sales.floats("tot_sf"), sales.floats("latitude"), sales.floats("longitude")
    seen: set[object] = set()
    for row in order:
        # Neither a parcel twice, nor two homes of one size in one place: nobody could tell them apart.
        parcel = str(parcels[row])
        look = (place_of(float(lats[row]), float(lons[row])), float(sizes[row]))
        if parcel not in seen and look not in seen:
            seen |= {parcel, look}
            by_area.setdefault(str(areas[row]), []).append(row)
    chosen: list[int] = []
    while len(chosen) < PROPERTIES:
        for area in sorted(by_area):
            if by_area[area] and len(chosen) < PROPERTIES:
                chosen.append(by_area[area].pop(0))
    return sorted(chosen)


def main() -> None:
    argparse.ArgumentParser(prog="python -m halfpenny_training.demo_properties", description=__doc__).parse_args()
    sales = seattle_sales()
    names = (
        "lot_sf",
        "bldg_grade",
        "tot_sf",
        "beds",
        "baths",
        "age",
        "longitude",
        "latitude",
        "wfnt",
    )
    columns = {name: sales.floats(name) for name in names}
    area = sales.texts("area")
    price = sales.floats("sale_price")
    parcels, use_types, sale_dates = sales.cells("pinx"), sales.cells("use_type"), sales.cells("sale_date")
    properties = []
    for row in chosen_rows(sales):
        parcel = parcel_of(str(parcels[row]))
        properties.append(
            {
                "parcel": parcel,
                "kind": "house" if use_types[row] == "sfr" else "townhouse",
                "address": f"Parcel {parcel}, assessment area {area[row]}",
                "place": place_of(float(columns["latitude"][row]), float(columns["longitude"][row])),
                "city": "Seattle",
                "country": "US",
                "lat": round(float(columns["latitude"][row]), 6),
                "lon": round(float(columns["longitude"][row]), 6),
                "area_m2": round(float(columns["tot_sf"][row]) * SQUARE_METRES_PER_SQUARE_FOOT, 1),
                "lot_m2": round(float(columns["lot_sf"][row]) * SQUARE_METRES_PER_SQUARE_FOOT, 1),
                "beds": int(columns["beds"][row]),
                "year_built": int(str(sale_dates[row])[:4]) - int(columns["age"][row]),
                "condition": condition_of(int(columns["bldg_grade"][row])),
                "sold_on": str(sale_dates[row]),
                "sale_price_usd": f"{float(price[row]):.2f}",
            }
        )
    OUT.write_text(
        "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in properties) + "\n]\n",
        encoding="utf-8",
    )
    sys.stdout.write(f"{len(properties)} properties\n")


if __name__ == "__main__":
    main()
