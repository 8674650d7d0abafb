"""Infrastructure: database, outbox and queue, document store, telemetry, embedded servers. No lending words."""

from halfpenny.platform.console import log_to_console

# Whatever logs imports something of this package first.
log_to_console()
