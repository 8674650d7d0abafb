"""Technical ground: database, outbox and queue, document store, telemetry, embedded servers. No lending words."""
