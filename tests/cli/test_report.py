"""``report`` and ``dashboard`` as they are typed.

What they show is tested elsewhere; here a stand-in draws nothing.
"""

import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Cli, clean_environment
from tests.support.patience import HANG_S

RUN = ("run", "--users", "30", "--days", "2", "--run-id", "r1")


@pytest.fixture
def plotly(tmp_path: Path) -> str:
    """A package that has what the extra ``report`` brings: where it lies, for PYTHONPATH."""
    data = tmp_path / "packages" / "plotly" / "package_data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    (data / "plotly.min.js").write_text("globalThis.Plotly = {};")
    return str(tmp_path / "packages")


def test_a_report_is_one_file(cli: Cli, plotly: str, tmp_path: Path) -> None:
    missing = cli("report", PYTHONPATH=plotly)
    assert missing.returncode == 2
    assert "run: socialsim consume" in missing.stderr
    cli(*RUN)
    cli("consume", "--drain")
    done = cli("report", "--out", "a.html", PYTHONPATH=plotly)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no day has its KPIs yet; run: socialsim kpi" in done.stdout
    page = (tmp_path / "a.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<title>socialsim · r1</title>" in page
    other = cli("report", "--run-id", "r2", PYTHONPATH=plotly)
    assert (other.returncode, other.stderr) == (2, "socialsim: --run-id is 'r2': the warehouse holds the run r1\n")
    nowhere = cli("report", "--out", "no/such/place.html", PYTHONPATH=plotly)
    assert nowhere.returncode == 2
    assert "--out no/such/place.html: cannot be written" in nowhere.stderr
    assert [path.name for path in tmp_path.glob("*.html")] == ["a.html"]


def test_the_dashboard_serves_until_it_is_told_to_stop(cli: Cli, plotly: str, tmp_path: Path) -> None:
    cli(*RUN)
    cli("consume", "--drain")
    process = subprocess.Popen(
        [*COMMAND, "dashboard", "--port", "0"],
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=plotly),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("dashboard at http://127.0.0.1:")
        port = said.split()[2].rstrip("/").rpartition(":")[2]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/data.json", timeout=HANG_S) as answer:
            assert b'"lag":0' in answer.read()  # the log beside the default warehouse
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=HANG_S)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, complaints) == (128 + signal.SIGTERM, "")


@pytest.mark.parametrize(
    ("arguments", "variables", "complaint"),
    [
        (["--host", "0.0.0.0"], {}, "--host 0.0.0.0 is not loopback: set SOCIALSIM_DASHBOARD_TOKEN"),  # noqa: S104
        ([], {"SOCIALSIM_DASHBOARD_TOKEN": "short"}, "SOCIALSIM_DASHBOARD_TOKEN has 5 characters, at least 16"),
        (["--into", "sqlite:///nowhere"], {}, "no such file; run: socialsim consume"),
        (["--port", "70000"], {}, "--port"),
    ],
)
def test_what_the_dashboard_refuses(
    cli: Cli, plotly: str, arguments: list[str], variables: dict[str, str], complaint: str
) -> None:
    refused = cli("dashboard", *arguments, PYTHONPATH=plotly, **variables)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert refused.stderr.count(os.linesep) == 1
