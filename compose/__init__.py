"""The local services, by Docker Compose or natively, both configured by ``settings.toml``."""
