"""What `check books` leaves out of realtime: all of it is told from tables that are checked."""

from __future__ import annotations

from collections.abc import Mapping

_TOLD = "what people were told, and what they watch: made from tables that are checked"

UNCHECKED: Mapping[str, str] = {
    "notification.*": _TOLD,
    "notification_counter.*": _TOLD,
    "connection_token.*": "one use, half a minute",
    "topic_counter.*": _TOLD,
    "topic_frame.*": _TOLD,
    "topic_watcher.*": _TOLD,
}
