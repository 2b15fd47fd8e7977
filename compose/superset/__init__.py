"""Apache Superset, the BI server: settings, the dashboard as code, and native operation."""
