"""Servers that encrypt, and Kafka users whose passwords Kafka keeps as SCRAM credentials."""

import subprocess
from pathlib import Path

from compose.native import KafkaCluster
from compose.native.kafka import java
from tests.security.authority import Certificate

USER = "socialsim"


def kafka_options(server: Certificate) -> dict[str, dict[str, str]]:
    """For ``kafka_cluster_factory``: one more listener, with TLS and SCRAM-SHA-512."""
    pem = server.certificate.with_suffix(".pem")
    pem.touch(mode=0o600)
    pem.write_text(server.pem)
    return {
        "listeners": {"SECURE": "SASL_SSL"},
        "properties": {
            "listener.name.secure.ssl.keystore.type": "PEM",
            "listener.name.secure.ssl.keystore.location": str(pem),
            "listener.name.secure.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secure.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        },
    }


def mysql_options(server: Certificate, cafile: Path) -> dict[str, str]:
    """For ``mysql_factory``."""
    return {"ssl-ca": str(cafile), "ssl-cert": str(server.certificate), "ssl-key": str(server.key)}


def add_kafka_user(kafka: KafkaCluster, directory: Path, password: str, user: str = USER) -> None:
    """By Kafka's own tool, through the listener that has no password; the new one goes by a file."""
    config = directory / "scram.properties"
    config.touch(mode=0o600)
    config.write_text(f"SCRAM-SHA-512=iterations=4096,password={password}\n")
    tool = ("kafka.admin.ConfigCommand", "--bootstrap-server", kafka.bootstrap, "--alter")
    subprocess.run(
        java(*tool, "--entity-type", "users", "--entity-name", user, "--add-config-file", str(config)),
        check=True,
        capture_output=True,
    )
