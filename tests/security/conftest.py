from tests.cli.conftest import cli, inside  # noqa: F401 - fixtures
