"""Training, evaluation and data: what runs by command, never in the service."""
