"""The local services, by Docker Compose or natively (``native``), from one set of settings (``settings.toml``)."""
