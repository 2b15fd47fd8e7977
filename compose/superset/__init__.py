"""Apache Superset, the BI server: its settings, the dashboard as code, and how it is run natively."""
