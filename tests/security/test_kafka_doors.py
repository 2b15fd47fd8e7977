"""SASL/PLAIN, client certificates and bearer tokens, each at a real broker that asks for it."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from socialsim.errors import InputError
from socialsim.transport.kafka import KafkaSecurity, Token
from tests.cli.conftest import Cli
from tests.security.authority import Authority
from tests.security.servers import kafka_doors, unsecured_token
from tests.support.services import KafkaFactory

PASSWORD = "r1ght-Pass.word"


def encrypted(key: Path, password: str) -> Path:
    """The same key, which asks for a password."""
    locked = key.with_suffix(".locked.key")
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", str(key), "-out", str(locked), "-passout", f"pass:{password}"],
        check=True,
        capture_output=True,
    )
    return locked


@pytest.mark.slow
def test_each_door_opens_to_its_own_key_alone(inside: Cli, tmp_path: Path, kafka_cluster_factory: KafkaFactory) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    kafka = kafka_cluster_factory(
        **kafka_doors(authority.certify("127.0.0.1"), authority.cafile, {"socialsim": PASSWORD})
    )
    client, foreign = authority.certify("127.0.0.2"), stranger.certify("127.0.0.3")
    locked = encrypted(client.key, PASSWORD)
    token = tmp_path / "token"
    token.write_text(unsecured_token("socialsim", time.time()) + "\n")
    expired = unsecured_token("socialsim", time.time() - 7200)
    ca = {"SOCIALSIM_KAFKA_CAFILE": str(authority.cafile)}
    sasl = {**ca, "SOCIALSIM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
    plain = {
        **sasl,
        "SOCIALSIM_KAFKA_SASL_MECHANISM": "PLAIN",
        "SOCIALSIM_KAFKA_USERNAME": "socialsim",
        "SOCIALSIM_KAFKA_PASSWORD": PASSWORD,
    }
    certified = {
        **ca,
        "SOCIALSIM_KAFKA_SECURITY_PROTOCOL": "SSL",
        "SOCIALSIM_KAFKA_CERTFILE": str(client.certificate),
        "SOCIALSIM_KAFKA_KEYFILE": str(locked),
        "SOCIALSIM_KAFKA_KEY_PASSWORD": PASSWORD,
    }
    bearer = {**sasl, "SOCIALSIM_KAFKA_SASL_MECHANISM": "OAUTHBEARER", "SOCIALSIM_KAFKA_TOKEN_FILE": str(token)}
    doors = {
        "PLAIN": (plain, [({"SOCIALSIM_KAFKA_PASSWORD": "wr0ng-Pass"}, "SOCIALSIM_KAFKA_PASSWORD")]),
        "CERTIFIED": (
            certified,
            [
                ({"SOCIALSIM_KAFKA_KEY_PASSWORD": "wr0ng-Pass"}, "SOCIALSIM_KAFKA_KEY_PASSWORD is not the key's"),
                ({"SOCIALSIM_KAFKA_KEY_PASSWORD": ""}, "SOCIALSIM_KAFKA_KEY_PASSWORD is not the key's"),
                (
                    {
                        "SOCIALSIM_KAFKA_CERTFILE": str(foreign.certificate),
                        "SOCIALSIM_KAFKA_KEYFILE": str(foreign.key),
                    },
                    "SOCIALSIM_KAFKA_CERTFILE",
                ),
                (
                    {name: "" for name in certified if "CERTFILE" in name or "KEY" in name.split("KAFKA")[1]},
                    "SOCIALSIM_KAFKA_CERTFILE",
                ),
            ],
        ),
        "BEARER": (
            bearer,
            [
                (
                    {"SOCIALSIM_KAFKA_TOKEN_FILE": "", "SOCIALSIM_KAFKA_TOKEN": expired},
                    "rejects the bearer token",
                ),
                ({"SOCIALSIM_KAFKA_TOKEN_FILE": ""}, "OAUTHBEARER needs SOCIALSIM_KAFKA_TOKEN"),
            ],
        ),
    }
    for number, (door, (right, wrongs)) in enumerate(doors.items()):
        to = ("--to", f"kafka://{kafka.bootstrap_of(door)}/{door.lower()}")
        created = inside("topics", "create", *to, "--partitions", "2", **right)
        assert created.returncode == 0, created.stderr
        ran = inside("run", "--users", "30", "--days", "1", "--seed", str(number), "--processes", "2", *to, **right)
        assert ran.returncode == 0, ran.stderr
        drained = inside("consume", "--drain", "--from", to[1], **right)
        assert drained.returncode == 0, drained.stderr
        for wrong, words in wrongs:
            refused = inside("topics", "describe", *to, **(right | wrong))
            assert refused.returncode == 2, (wrong, refused.stderr)
            assert words in refused.stderr
            assert len(refused.stderr.splitlines()) == 1
            assert "-Pass" not in refused.stderr
            assert expired not in refused.stderr


@pytest.mark.slow
def test_a_renewed_token_is_read_from_its_file_when_the_broker_ends_the_session(
    inside: Cli, tmp_path: Path, kafka_cluster_factory: KafkaFactory
) -> None:
    authority = Authority(tmp_path, "authority")
    kafka = kafka_cluster_factory(
        **kafka_doors(authority.certify("127.0.0.1"), authority.cafile, {"socialsim": PASSWORD})
    )
    token = tmp_path / "token"
    right = {
        "SOCIALSIM_KAFKA_CAFILE": str(authority.cafile),
        "SOCIALSIM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "SOCIALSIM_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "SOCIALSIM_KAFKA_TOKEN_FILE": str(token),
    }
    to = ("--to", f"kafka://{kafka.bootstrap_of('BEARER')}")
    token.write_text(unsecured_token("socialsim", time.time()))
    assert inside("topics", "create", *to, "--partitions", "1", **right).returncode == 0
    # Eight seconds at this speed; the broker ends each session after three.
    ran = inside("run", "--users", "40", "--days", "1", "--speed", "10800", "--processes", "1", *to, **right)
    assert ran.returncode == 0, ran.stderr
    token.write_text("")
    refused = inside("topics", "describe", *to, **right)
    assert refused.returncode == 2
    assert f"SOCIALSIM_KAFKA_TOKEN_FILE: {token} holds no bearer token" in refused.stderr


def test_a_token_is_read_anew_each_time_and_shown_never(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    token = Token(file=file)
    assert token.read() == "first"
    file.write_text("second=\n")
    assert token.read() == "second="
    assert "hidden" not in repr(Token("hidden"))
    for bad in ("", "a b", "a\nb", "ä"):
        with pytest.raises(InputError, match="SOCIALSIM_KAFKA_TOKEN holds no bearer token"):
            Token(bad).read()
    file.unlink()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        token.read()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"protocol": "SASL_SSL", "mechanism": "OAUTHBEARER"}, "OAUTHBEARER needs SOCIALSIM_KAFKA_TOKEN"),
        (
            {"protocol": "SASL_SSL", "mechanism": "OAUTHBEARER", "token": Token("t"), "username": "u"},
            "no user name or password",
        ),
        ({"protocol": "SASL_SSL", "username": "u", "password": "p", "token": Token("t")}, "OAUTHBEARER would use it"),
        ({"protocol": "SSL", "token": Token("t")}, "SASL_SSL would use it"),
        ({"protocol": "SSL", "keyfile": Path(__file__)}, "no SOCIALSIM_KAFKA_CERTFILE"),
        ({"certfile": Path(__file__)}, "SSL and SASL_SSL would use it"),
        ({"protocol": "SSL", "certfile": Path("/nowhere")}, "SOCIALSIM_KAFKA_CERTFILE: /nowhere cannot be read"),
    ],
)
def test_credentials_that_do_not_fit_together_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        KafkaSecurity(**options)


def test_a_file_that_is_no_certificate_is_named() -> None:
    security = KafkaSecurity(protocol="SSL", certfile=Path(__file__))
    with pytest.raises(InputError, match="SOCIALSIM_KAFKA_CERTFILE"):
        security.client_options()
