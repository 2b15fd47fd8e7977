"""Metrics and health of a running ``run``, ``consume`` or ``kpi --follow``, served over HTTP."""

from socialsim.monitoring.consumer import ConsumerTelemetry
from socialsim.monitoring.kpi import KpiTelemetry
from socialsim.monitoring.run import RunTelemetry
from socialsim.monitoring.server import HOST_DEFAULT, LiveServer
from socialsim.monitoring.telemetry import Telemetry

__all__ = ["HOST_DEFAULT", "ConsumerTelemetry", "KpiTelemetry", "LiveServer", "RunTelemetry", "Telemetry"]
