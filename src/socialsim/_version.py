"""The version. The build reads it from this file too."""

__version__ = "0.2.0"
