"""A disk that is full: the run stops and says so, what was acknowledged is there, and it goes on
when there is room.
"""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from socialsim import Scenario
from socialsim.runs.directory import RunDirectory
from socialsim.transport.files import FileReader
from socialsim.verification.verify import read_manifests
from tests.faults.marks import slow
from tests.support.account import assert_whole_log, read_all
from tests.support.processes import SOCIALSIM, Cli

TOWN = Scenario(users=400, days=5, seed=8, shards=8)
RUN = ("run", "--users", "400", "--days", "5", "--seed", "8", "--shards", "8")

#: A disk of its own in a mount namespace of its own, which is gone when the shell is: run on it
#: while it is small, keep a copy of what was there, make it larger, run again, and copy the result
#: out of the namespace.
ON_A_SMALL_DISK = """
set -eu
mkdir disk kept result
mount -t tmpfs -o size="$SIZE" none disk
code=0
"$@" --to file:disk/events || code=$?
echo "$code" > code
cp -r disk/. kept
mount -o remount,size=64m disk
"$@" --to file:disk/events
cp -r disk/. result
"""


def namespace() -> list[str]:
    """How to get a mount namespace here: as root, or as root of a user namespace."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    probe = "d=$(mktemp -d) && mount -t tmpfs none $d && umount $d && rmdir $d"
    if shutil.which("unshare") and subprocess.run([*unshare, "sh", "-c", probe], check=False).returncode == 0:
        return unshare
    return []


async def assert_acknowledged_is_there(events: Path, runs: Path) -> int:
    """Check that each shard's log has at least its durable records, in order and whole; their
    number.
    """
    manifests = read_manifests(RunDirectory(runs, TOWN.run_id), TOWN)
    found = await read_all(FileReader(events))
    seqs: dict[int, list[int]] = {shard: [] for shard in range(TOWN.shards)}
    for values in found.values():
        for value in values:
            event = msgspec.json.decode(value)
            seqs[event["shard"]].append(event["seq"])
    for shard, manifest in manifests.manifests.items():
        there = sorted(seqs[shard])
        assert there == list(range(len(there)))
        if manifest is not None:
            assert manifest.acknowledged_seq < len(there)
            assert not manifest.sealed
    return sum(map(len, seqs.values()))


@pytest.mark.parametrize("size", ["300k", slow("700k")])
@pytest.mark.parametrize("processes", [1, slow(2)])
async def test_a_full_disk_stops_the_run_loudly_and_room_lets_it_go_on(
    start: Callable[..., Cli], tmp_path: Path, size: str, processes: int
) -> None:
    way = namespace()
    if not way:
        pytest.fail("neither root nor a user namespace: no small disk can be mounted here")
    shell = start(
        "-euc", ON_A_SMALL_DISK, "run", *SOCIALSIM, *RUN, "--processes", str(processes), program=[*way, "sh"], SIZE=size
    )
    shell.wait(0)
    assert (tmp_path / "code").read_text() == "1\n"
    assert shell.says("cannot be written: No space left on device")
    assert not shell.says("Traceback")
    kept = await assert_acknowledged_is_there(tmp_path / "kept" / "events", tmp_path / "kept" / "runs")
    print(f"{kept} events were on the full disk")
    await assert_whole_log(FileReader(tmp_path / "result" / "events"), TOWN)


@pytest.mark.slow_faults
@pytest.mark.parametrize("size", [6_000, 20_000])
async def test_files_that_may_not_grow_stop_the_run_loudly(
    start: Callable[..., Cli], tmp_path: Path, size: int
) -> None:
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {resource.RLIM_INFINITY})); "
    program = [sys.executable, "-c", limit + "import sys; from socialsim.cli.main import main; sys.exit(main())"]
    run = start(*RUN, "--processes", "1", "--to", "file:disk/events", program=program)
    run.wait(1)
    assert run.says("cannot be written: File too large")
    await assert_acknowledged_is_there(tmp_path / "disk" / "events", tmp_path / "disk" / "runs")
    start(*RUN, "--processes", "1", "--to", "file:disk/events").wait(0)
    await assert_whole_log(FileReader(tmp_path / "disk" / "events"), TOWN)
