"""Servers that encrypt, and Kafka users whose passwords Kafka keeps as SCRAM credentials."""

import base64
import json
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


def kafka_doors(server: Certificate, cafile: Path, users: dict[str, str]) -> dict[str, dict[str, str]]:
    """For ``kafka_cluster_factory``: listeners for SASL/PLAIN, for client certificates, and for
    bearer tokens.
    """
    options = kafka_options(server)
    pem = options["properties"]["listener.name.secure.ssl.keystore.location"]
    known = " ".join(f'user_{name}="{password}"' for name, password in users.items())
    modules = "org.apache.kafka.common.security"
    properties = {
        "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.plain.plain.sasl.jaas.config": f"{modules}.plain.PlainLoginModule required {known};",
        "listener.name.certified.ssl.client.auth": "required",
        "listener.name.certified.ssl.truststore.type": "PEM",
        "listener.name.certified.ssl.truststore.location": str(cafile),
        "listener.name.bearer.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.bearer.connections.max.reauth.ms": "3000",
        "listener.name.bearer.oauthbearer.sasl.jaas.config": (
            f"{modules}.oauthbearer.OAuthBearerLoginModule required "
            'unsecuredLoginStringClaim_sub="broker" unsecuredValidatorAllowableClockSkewMs="1000";'
        ),
        "listener.name.bearer.oauthbearer.sasl.server.callback.handler.class": (
            f"{modules}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
        ),
    }
    for name in ("plain", "certified", "bearer"):
        properties |= {
            f"listener.name.{name}.ssl.keystore.type": "PEM",
            f"listener.name.{name}.ssl.keystore.location": pem,
        }
    return {
        "listeners": {"PLAIN": "SASL_SSL", "CERTIFIED": "SSL", "BEARER": "SASL_SSL"},
        "properties": properties,
    }


def unsecured_token(subject: str, issued_s: float, lifetime_s: float = 3600) -> str:
    """A token as Kafka's validator for tests takes it: unsigned, so that anybody can make one."""

    def part(claims: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    claims: dict[str, object] = {"sub": subject, "iat": issued_s, "exp": issued_s + lifetime_s}
    return f"{part({'alg': 'none'})}.{part(claims)}."


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
