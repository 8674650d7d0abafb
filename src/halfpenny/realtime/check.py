"""What `check books` leaves out of realtime: all of it is derived from tables that are checked."""

from __future__ import annotations

from collections.abc import Mapping

_DERIVED = "notifications and subscriptions: derived from tables that are checked"

UNCHECKED: Mapping[str, str] = {
    "notification.*": _DERIVED,
    "notification_counter.*": _DERIVED,
    "connection_token.*": "one use, half a minute",
    "topic_counter.*": _DERIVED,
    "topic_frame.*": _DERIVED,
    "topic_watcher.*": _DERIVED,
}
