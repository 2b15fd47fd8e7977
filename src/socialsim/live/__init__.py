"""What a running ``run``, ``consume`` or ``kpi --follow`` tells over HTTP: metrics, and whether it is alive and ready."""

from socialsim.live.computing import KpiView
from socialsim.live.consuming import ConsumerView
from socialsim.live.server import HOST_DEFAULT, LiveServer
from socialsim.live.simulating import RunView
from socialsim.live.view import View

__all__ = ["HOST_DEFAULT", "ConsumerView", "KpiView", "LiveServer", "RunView", "View"]
