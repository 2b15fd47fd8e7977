"""Take the picture of the dashboard while rows arrive: python -m tests.bi.live_picture FILE.png,
see `make pictures`.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bi.browser import chromium, watching
from tests.cli.conftest import COMMAND, clean_environment, has_written, wait_for
from tests.support.patience import HANG_S

#: Two weeks of it pass in a minute; the picture is taken while it goes on.
RUN = ("run", "--users", "4000", "--days", "45", "--run-id", "live-demo", "--speed", "21600")
DAYS = 15
PATIENCE_MS = 600_000


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(timeout=HANG_S)


def main() -> None:
    """One after the other: a simulation that is paced, a consumer, the KPIs of each day, the page."""
    with tempfile.TemporaryDirectory(prefix="socialsim-picture-") as directory, ExitStack() as cleanup:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [*COMMAND, "--quiet", *arguments],
                cwd=directory,
                env=clean_environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            cleanup.callback(end, process)
            return process

        migrate = [*COMMAND, "migrate", "--into", "sqlite:///socialsim-data/socialsim.sqlite"]
        Path(directory, "socialsim-data").mkdir()
        subprocess.run(migrate, cwd=directory, env=clean_environment(), stdout=subprocess.DEVNULL, check=True)
        start(*RUN)
        wait_for(lambda: has_written(Path(directory)))
        start("consume")
        start("kpi", "--follow")
        page = start("dashboard", "--port", "0")
        assert page.stdout is not None
        address = page.stdout.readline().split()[2]
        with chromium() as browser, watching(browser, scheme="dark", width=1320, height=1000) as seen:
            seen.page.goto(address)
            seen.page.get_by_text(f"{DAYS} closed days").wait_for(timeout=PATIENCE_MS)
            seen.page.wait_for_selector("#chart-active[data-drawn=chart]", timeout=PATIENCE_MS)
            seen.page.screenshot(path=Path(sys.argv[1]))


if __name__ == "__main__":
    main()
