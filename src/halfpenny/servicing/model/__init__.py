"""The pure servicing engine: terms and dated events in, schedule and position out. No I/O, no clock."""
