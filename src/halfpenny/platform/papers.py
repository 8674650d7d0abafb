"""Papers: letters and statements as PDF, rendered in one place with typst from a template and data.

A template is a ``.typ`` file of a feature; it reads its data as JSON from ``sys.inputs.data``. Text reaches it as
strings and is set as strings: nothing that somebody typed is markup. Fonts are those inside typst, so that a paper
looks the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources.abc import Traversable
from typing import Any

import typst


class PaperLanguage(StrEnum):
    """The languages that papers are written in."""

    ENGLISH = "en"
    POLISH = "pl"


def render_pdf(template: Traversable, data: Mapping[str, Any]) -> bytes:
    """The paper as PDF. ``data`` must be JSON: strings, numbers, lists and objects. Raises typst.TypstError for a
    template that does not compile."""
    inputs = {"data": json.dumps(data)}
    return bytes(typst.compile(template.read_bytes(), format="pdf", sys_inputs=inputs, ignore_system_fonts=True))
