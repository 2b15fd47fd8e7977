"""TLS and SCRAM-SHA-512 to a real broker: in with the right password and authority, out with a
reason otherwise.
"""

import socket
import ssl
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.security.authority import Authority
from tests.security.servers import USER, add_kafka_user, kafka_options
from tests.support.services import KafkaFactory

PASSWORD = "r1ght-Pass.word"


@pytest.mark.slow
def test_the_right_password_and_authority_get_in_and_nothing_else_does(
    inside: Cli, tmp_path: Path, kafka_cluster_factory: KafkaFactory
) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    kafka = kafka_cluster_factory(**kafka_options(authority.certify("127.0.0.1")))
    add_kafka_user(kafka, tmp_path, PASSWORD)
    address = kafka.bootstrap_of("SECURE")
    right = {
        "SOCIALSIM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "SOCIALSIM_KAFKA_USERNAME": USER,
        "SOCIALSIM_KAFKA_PASSWORD": PASSWORD,
        "SOCIALSIM_KAFKA_CAFILE": str(authority.cafile),
    }
    to = ("--to", f"kafka://{address}")

    created = inside("topics", "create", *to, "--partitions", "2", **right)
    assert created.returncode == 0, created.stderr
    ran = inside("run", "--users", "30", "--days", "1", "--processes", "2", *to, **right)
    assert ran.returncode == 0, ran.stderr
    drained = inside("consume", "--drain", "--from", to[1], **right)
    assert drained.returncode == 0, drained.stderr
    assert inside("digest", "--from", to[1], **right).returncode == 0

    refusals = {
        "SOCIALSIM_KAFKA_PASSWORD": {"SOCIALSIM_KAFKA_PASSWORD": "wr0ng-Pass"},
        "SOCIALSIM_KAFKA_USERNAME": {"SOCIALSIM_KAFKA_USERNAME": "nobody"},
        "certificate is not accepted": {"SOCIALSIM_KAFKA_CAFILE": str(stranger.cafile)},
        "SOCIALSIM_KAFKA_SASL_MECHANISM": {"SOCIALSIM_KAFKA_SASL_MECHANISM": "PLAIN"},
        "needs SOCIALSIM_KAFKA_USERNAME": {"SOCIALSIM_KAFKA_PASSWORD": ""},
    }
    for words, wrong in refusals.items():
        done = inside("topics", "describe", *to, **(right | wrong))
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
        assert "Pass" not in done.stderr.replace("PASSWORD", "")
    for command in (("run", "--users", "31", "--days", "1", *to), ("consume", "--drain", "--from", to[1])):
        done = inside(*command, **(right | {"SOCIALSIM_KAFKA_PASSWORD": "wr0ng-Pass"}))
        assert done.returncode == 2, done.stderr
        assert "check SOCIALSIM_KAFKA_USERNAME and SOCIALSIM_KAFKA_PASSWORD" in done.stderr
        assert len(done.stderr.splitlines()) <= 3

    # The name is checked too: the certificate is for 127.0.0.1 alone.
    named = inside("topics", "describe", "--to", f"kafka://localhost:{address.rpartition(':')[2]}", **right)
    assert named.returncode == 2
    assert "certificate is not accepted" in named.stderr

    context = ssl.create_default_context(cafile=str(authority.cafile))
    host, port = address.split(":")
    with socket.create_connection((host, int(port))) as raw, context.wrap_socket(raw, server_hostname=host) as wrapped:
        assert wrapped.version() in {"TLSv1.2", "TLSv1.3"}
