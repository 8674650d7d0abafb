"""The wheel, installed as its users install it, and the command that it brings."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command ``halfpenny`` of an environment that holds the wheel, and no path to the checkout.

    What the wheel depends on comes from the environment of the tests, of which only the packages are lent: the link
    to the checkout in it is not followed.
    """
    folder = tmp_path_factory.mktemp("wheel")
    environment = folder / "environment"
    for command in (
        ["-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        ["-m", "venv", "--without-pip", environment],
    ):
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    python = environment / "bin" / "python"
    install = ["-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, *install], cwd=folder, check=True, capture_output=True)
    paths = {"base": str(environment), "platbase": str(environment)}
    site_packages = Path(sysconfig.get_path("purelib", "venv", paths))
    (site_packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    document_store = Path(sysconfig.get_path("scripts"), "secantusd-py")
    (environment / "bin" / document_store.name).symlink_to(document_store)
    return environment / "bin" / "halfpenny"
