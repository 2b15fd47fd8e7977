"""The command line as processes of their own, that tests may signal, and their children."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from compose.native.server import ProcessIdentity
from tests.support.patience import eventually

SOCIALSIM: Final = [sys.executable, "-c", "import sys; from socialsim.cli.main import main; sys.exit(main())"]


def own_environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of a person's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOCIALSIM_")}
    return kept | variables


class Cli:
    """One running ``socialsim`` (or another program), its output in files beside the directory that
    it runs in.
    """

    def __init__(self, directory: Path, name: str, command: Sequence[str], environment: dict[str, str]) -> None:
        self.out = directory / f"{name}.out"
        self.err = directory / f"{name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        self.name = name

    def __repr__(self) -> str:
        return f"<Cli {self.name} pid={self.process.pid} code={self.process.poll()}>"

    def says(self, text: str) -> bool:
        """Whether its log holds ``text``."""
        return text in self.err.read_text(errors="replace")

    def children(self) -> list[ProcessIdentity]:
        """The processes that it has started and that live, with theirs."""
        return list(_descendants(self.process.pid))

    def is_frozen(self) -> bool:
        """Whether SIGSTOP has taken hold of it."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[0] == "T"

    def send(self, number: int) -> None:
        """Signal it, as a terminal or an operator would."""
        self.process.send_signal(number)

    def wait(self, code: int | None = None, promised_s: float | None = None) -> str:
        """Wait for its end and answer its output.

        Fails if ``code`` is given and is not how it ended.
        """
        try:
            eventually(lambda: self.process.poll() is not None, "its end", promised_s)
        except AssertionError as error:
            raise AssertionError(f"{self}: {error}\n{self.tail()}") from None
        if code is not None:
            assert self.process.returncode == code, f"{self}:\n{self.tail()}"
        return self.out.read_text()

    def tail(self) -> str:
        """The end of its log."""
        return self.err.read_text(errors="replace")[-4_000:]


@contextmanager
def clis(directory: Path) -> Iterator[Callable[..., Cli]]:
    """Starts processes in ``directory``; those that are left at the end are killed, with their
    children.
    """
    started: list[Cli] = []

    def start(*arguments: str, program: Sequence[str] = SOCIALSIM, **variables: str) -> Cli:
        name = f"{len(started)}-{arguments[0] if arguments else 'program'}"
        cli = Cli(directory, name, [*program, *arguments], own_environment(**variables))
        started.append(cli)
        return cli

    try:
        yield start
    finally:
        for cli in started:
            for child in cli.children():
                child.send(signal.SIGKILL)
            cli.process.kill()
            cli.process.wait()


def _descendants(pid: int) -> Iterator[ProcessIdentity]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for thread in threads:
        try:
            numbers = (thread / "children").read_text().split()
        except OSError:
            continue
        for number in map(int, numbers):
            yield from _descendants(number)
            identity = ProcessIdentity.of(number)
            if identity is not None:
                yield identity
