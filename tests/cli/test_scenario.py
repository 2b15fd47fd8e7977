"""socialsim scenario, --preset and --backfill, as typed."""

import json
import re
from pathlib import Path

import pytest

from socialsim.cli.commands.run import backfill_span
from socialsim.errors import InputError
from socialsim.scenario.model import Scenario, load_scenario, make_scenario
from socialsim.scenario.presets import PRESETS
from tests.cli.conftest import Cli

NOW_S = 1_800_000_000.9  # 2027-01-15T08:00:00.9Z


def test_presets_are_listed(cli: Cli) -> None:
    listed = cli("scenario", "list")
    assert listed.returncode == 0
    for name in PRESETS:
        assert re.search(rf"^{name} +[\d,]+ +[\d,]+ ", listed.stdout, re.MULTILINE)
    assert json.loads(cli("scenario", "list", "--json").stdout)["app"]["users"] == PRESETS["app"].knobs["users"]


def test_a_scenario_is_shown_with_every_knob(cli: Cli) -> None:
    shown = cli("scenario", "show", "--preset", "tiny", "--seed", "9")
    assert shown.returncode == 0
    for name in Scenario.__struct_fields__:
        assert re.search(rf"^{name} ", shown.stdout, re.MULTILINE)
    assert json.loads(cli("scenario", "show", "--preset", "tiny", "--json").stdout)["users"] == 100


def test_what_is_shown_as_a_file_is_the_same_scenario(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(cli("scenario", "show", "--preset", "sf1", "--toml").stdout, encoding="utf-8")
    assert load_scenario(file) == make_scenario("sf1")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("scenario", "show", "--preset", "nosuch"), "--preset is 'nosuch', allowed are tiny, demo"),
        (("run", "--preset", "nosuch"), "--preset is 'nosuch'"),
        (("run", "--users", "9", "--backfill", "9"), "--backfill is '9', allowed are whole days such as 90d"),
        (("run", "--users", "9", "--backfill", "0d"), "--backfill is '0d'"),
        (("run", "--users", "9", "--backfill", "9d", "--days", "3"), "--days cannot be given with --backfill"),
        (
            ("run", "--users", "9", "--backfill", "9d", "--start", "2020-01-01"),
            "--start cannot be given with --backfill",
        ),
        (
            ("run", "--users", "9", "--backfill", "9d", "--then-live", "--days", "3"),
            "the run must last at least as long",
        ),
        (("run", "--users", "9", "--backfill", "9d", "--then-live", "--speed", "2"), "--speed cannot be given with"),
        (("run", "--resume", "r1", "--backfill", "9d"), "--backfill cannot be given with --resume"),
    ],
)
def test_what_cannot_be_is_refused(cli: Cli, arguments: tuple[str, ...], complaint: str) -> None:
    refused = cli(*arguments)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_is_refused_with_the_place(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("users = 5\nclosure_share = 1.5\n", encoding="utf-8")
    refused = cli("run", "--scenario", "bad.toml", "--dry-run")
    assert refused.returncode == 2
    assert "bad.toml: closure_share: Expected `float` <= 1.0" in refused.stderr


def test_a_preset_is_run_with_what_is_changed(cli: Cli) -> None:
    ran = cli("run", "--preset", "tiny", "--days", "1", "--dry-run")
    assert ran.returncode == 0
    first = json.loads(ran.stdout.splitlines()[0])
    assert first["run_id"] == make_scenario("tiny", days=1).run_id


def test_the_past_ends_now() -> None:
    assert backfill_span(90, NOW_S, 90) == ("2026-10-17T08:00:00Z", 90)
    assert backfill_span(90, NOW_S, None) == ("2026-10-17T08:00:00Z", 455)
    assert backfill_span(90, NOW_S, 100) == ("2026-10-17T08:00:00Z", 100)
    with pytest.raises(InputError, match="--days is 89"):
        backfill_span(90, NOW_S, 89)


def test_a_backfill_ends_at_the_moment_of_its_start(cli: Cli) -> None:
    ran = cli("run", "--users", "30", "--backfill", "2d", "--processes", "1")
    assert ran.returncode == 0, ran.stderr
    assert "stopped before its end" not in ran.stdout
