"""What a running ``run``, ``consume`` or ``kpi --follow`` tells over HTTP: metrics, and whether it is alive and ready."""

from socialsim.monitoring.consumer import ConsumerTelemetry
from socialsim.monitoring.kpi import KpiTelemetry
from socialsim.monitoring.run import RunTelemetry
from socialsim.monitoring.server import HOST_DEFAULT, LiveServer
from socialsim.monitoring.telemetry import Telemetry

__all__ = ["HOST_DEFAULT", "ConsumerTelemetry", "KpiTelemetry", "LiveServer", "RunTelemetry", "Telemetry"]
