"""A broker that answers, and then sends its clients where they cannot get."""

import pytest

from compose.native.ports import free_port
from tests.cli.conftest import Cli
from tests.support.services import KafkaFactory


@pytest.mark.slow
def test_a_real_broker_with_a_name_that_only_it_knows(cli: Cli, kafka_cluster_factory: KafkaFactory) -> None:
    port = free_port()
    advertised = f"PLAINTEXT://127.0.0.1:{port},OUTSIDE://kafka.invalid:9092"
    cluster = kafka_cluster_factory(
        port=port, listeners={"OUTSIDE": "PLAINTEXT"}, properties={"advertised.listeners": advertised}
    )
    inside, outside = cluster.url, f"kafka://{cluster.bootstrap_of('OUTSIDE')}"
    assert cli("topics", "create", "--to", inside, "--partitions", "1").returncode == 0
    for arguments in (
        ["topics", "create", "--to", outside],
        ["topics", "describe", "--to", outside],
        ["run", "--users", "5", "--days", "1", "--to", outside],
        ["run", "--users", "5", "--days", "1", "--processes", "2", "--to", outside],
        ["consume", "--drain", "--from", outside],
        ["digest", "--from", outside],
    ):
        done = cli(*arguments)
        assert done.returncode == 3, (arguments, done.stderr)
        line = done.stderr.splitlines()[-1]
        assert "cannot reach kafka.invalid:9092" in line
        assert cluster.bootstrap_of("OUTSIDE") in line
        assert "advertised.listeners" in line
