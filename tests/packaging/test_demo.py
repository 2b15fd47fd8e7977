"""What ``make demo`` ends with has something to look at in every tile and chart."""

import json
import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from compose.demo import commands
from socialsim.bootstrap.warehouse import reading
from socialsim.report.build import RECENT_DAYS, TILES, build_content
from socialsim.report.content import PageContent
from socialsim.report.rows import find_run, read_rows
from socialsim.scenario.presets import PRESETS
from socialsim.settings import load_settings
from tests.cli.conftest import COMMAND, clean_environment

ROOT = Path(__file__).parents[2]
DATA = "socialsim-data"
#: The demo's days, start and flash mobs with fewer people: what is blank depends on the days, not
#: on how many there are.
FEWER = ("--preset", "demo", "--users", "600")


def told(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = clean_environment()
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PageContent]:
    folder = tmp_path_factory.mktemp("demo")
    for command in commands(DATA, FEWER):
        done = told(*command, cwd=folder)
        assert done.returncode == 0, done.stderr
    rows = f"sqlite:///{folder / DATA / 'socialsim.sqlite'}"
    with reading(rows, load_settings({}, folder / ".env")) as connection:
        run = find_run(connection, None)
        assert run is not None
        return folder / DATA, build_content(read_rows(connection, run))


@pytest.mark.slow
def test_no_tile_is_blank(demo: tuple[Path, PageContent]) -> None:
    tiles = demo[1].tiles
    assert len(tiles) == len(TILES)
    blank = [tile.metric for tile in tiles if not tile.value or tile.change is None or None in tile.spark]
    assert blank == []


@pytest.mark.slow
def test_no_chart_is_blank(demo: tuple[Path, PageContent]) -> None:
    content = demo[1]
    assert len(content.days) == PRESETS["demo"].knobs["days"]
    lines = (*content.active, *content.growth, *content.signups, *content.volume, *content.network, *content.devices)
    for series in lines:
        assert any(series.values), f"{series.name} has nothing"
    assert {"picture", "video", "picture_like", "video_like", "comment"} <= {each.name for each in content.volume}
    assert content.funnel_days == RECENT_DAYS
    assert all(step.users for step in content.funnel)
    assert len(content.cohorts) >= 6
    first = content.cohorts[0]
    assert len(first.active) >= 6
    assert all(first.active)
    assert all(any(hours) for hours in content.week)
    assert len(content.hours) == 24 * len(content.days)
    assert any(content.hours)
    assert content.bursts, "the page says that no hour stands out"
    assert len(content.creators) == 10
    assert content.creators_share


@pytest.mark.slow
def test_the_page_is_written_where_the_demo_says(demo: tuple[Path, PageContent]) -> None:
    page = (demo[0] / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert demo[1].days[0] == date(2026, 1, 1)


def test_the_readme_says_what_the_demo_is() -> None:
    knobs = PRESETS["demo"].knobs
    assert (knobs["users"], knobs["days"]) == (2_000, 42)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "two thousand people over six weeks" in readme
    assert "socialsim-data/report.html" in readme


def test_what_the_readme_gives_to_the_image_runs_and_needs_no_volume(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = re.findall(r"^docker run --rm \S*socialsim\S* (.+)$", readme, flags=re.MULTILINE)
    assert typed == ["run --preset tiny --dry-run"]
    for line in typed:
        done = told(*line.split(), cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert {json.loads(each)["run_id"] for each in done.stdout.splitlines()}
    assert list(tmp_path.iterdir()) == []
