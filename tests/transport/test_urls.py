from pathlib import Path

import pytest

from socialsim.errors import InputError
from socialsim.transport.urls import FileUrl, KafkaUrl, LogUrl, parse_log_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:./socialsim-data/events", FileUrl(Path("socialsim-data/events"))),
        ("file:/var/events", FileUrl(Path("/var/events"))),
        ("file:///var/events", FileUrl(Path("/var/events"))),
        ("kafka://localhost:9092", KafkaUrl(("localhost:9092",))),
        ("kafka://localhost:9092/", KafkaUrl(("localhost:9092",))),
        ("kafka://a:1,b.example:65535/test", KafkaUrl(("a:1", "b.example:65535"), "test.")),
        ("kafka://[::1]:9092/a.b.", KafkaUrl(("[::1]:9092",), "a.b.")),
    ],
)
def test_good_urls(text: str, expected: LogUrl) -> None:
    parsed = parse_log_url(text, "--to")
    assert parsed == expected
    assert parse_log_url(str(parsed), "--to") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "events",
        "mysql://a/b",
        "file:",
        "file://host/path",
        "file:a\0b",
        "kafka:localhost:9092",
        "kafka://",
        "kafka://localhost",
        "kafka://localhost:0",
        "kafka://localhost:65536",
        "kafka://localhost:9092,",
        "kafka://a b:9092",
        "kafka://a:9092/with space",
        "kafka://a:٣",
    ],
)
def test_bad_urls_are_refused_naming_the_option_and_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match=r"--from: .*(file:|allowed)"):
        parse_log_url(text, "--from")


@pytest.mark.parametrize("text", ["kafka://ann:s3cret@localhost:9092", "http://ann:s3cret@localhost"])
def test_a_password_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_log_url(text, "--to")
    assert "s3cret" not in str(caught.value)
