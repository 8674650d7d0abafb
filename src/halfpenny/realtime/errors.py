"""Errors of realtime. On a socket each becomes an error frame; over HTTP a problem document."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed, NotFound, TooManyRequests, Unauthenticated


class UnknownTopic(NotFound):
    code = "unknown_topic"
    message = "There is no such topic, or it is not yours."


class InvalidConnectionToken(Unauthenticated):
    code = "invalid_connection_token"
    message = "The connection token was used, has expired, or never was one. Ask for a new one."


class ConnectionTokenNeeded(Unauthenticated):
    code = "connection_token_needed"
    message = "This topic needs a connection token from POST /realtime/connection-token."


class MalformedFrame(Malformed):
    code = "malformed_frame"
    message = 'A frame is a JSON object such as {"op": "subscribe", "topic": "marketplace"}.'


class TooManyTopics(TooManyRequests):
    code = "too_many_topics"
    message = "This connection already subscribes to the maximum number of topics."


class NotificationNotFound(NotFound):
    code = "notification_not_found"
    message = "There is no such notification."
