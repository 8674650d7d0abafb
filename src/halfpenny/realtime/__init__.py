"""Publish and subscribe over WebSocket: topics numbered by PostgreSQL, and notifications sent once.

Features notify people with ``notify_many`` in the transaction that it reports. The hub is ``app.state.hub``;
what its topics show is read by callables that the entrypoints pass in.
"""

from halfpenny.realtime.channels import RowSource, SharedSource, State
from halfpenny.realtime.check import UNCHECKED
from halfpenny.realtime.edge import router as socket_router
from halfpenny.realtime.hub import TICK_S, Hub, RowTopics, SharedTopic
from halfpenny.realtime.notifications import Notice, NotificationKind, notify_many
from halfpenny.realtime.publishing import delete_old_frames, fan_out
from halfpenny.realtime.store import watchers

__all__ = [
    "TICK_S",
    "UNCHECKED",
    "Hub",
    "Notice",
    "NotificationKind",
    "RowSource",
    "RowTopics",
    "SharedSource",
    "SharedTopic",
    "State",
    "delete_old_frames",
    "fan_out",
    "notify_many",
    "socket_router",
    "watchers",
]
