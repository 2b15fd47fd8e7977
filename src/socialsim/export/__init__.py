"""A run's rows as files for notebooks and other tools: Parquet (extra ``export``) or CSV, with a
manifest.
"""

from socialsim.export.columns import ExportPeriod, choose_tables
from socialsim.export.manifest import MANIFEST, ExportManifest
from socialsim.export.run import FORMATS, export_run

__all__ = ["FORMATS", "MANIFEST", "ExportManifest", "ExportPeriod", "choose_tables", "export_run"]
