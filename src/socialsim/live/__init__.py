"""What a running ``run`` or ``consume`` tells over HTTP: metrics for Prometheus, and whether it is alive and ready."""

from socialsim.live.consuming import ConsumerView
from socialsim.live.server import HOST_DEFAULT, LiveServer
from socialsim.live.simulating import RunView
from socialsim.live.view import View

__all__ = ["HOST_DEFAULT", "ConsumerView", "LiveServer", "RunView", "View"]
