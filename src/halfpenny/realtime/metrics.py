"""What realtime counts for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

SOCKETS = Gauge("halfpenny_realtime_sockets", "Open WebSockets.", multiprocess_mode="livesum")
FRAMES = Counter("halfpenny_realtime_frames", "Frames sent to watchers.")
