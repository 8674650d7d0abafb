"""The running risk service: it consumes requests, answers them, and can be asked over HTTP by tools."""
