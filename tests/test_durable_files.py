"""Files are replaced whole, and their names reach the disk too."""

import os
from pathlib import Path

import pytest

from socialsim.durable_files import replace_file
from socialsim.errors import LogFullError
from socialsim.runs.directory import RunDirectory
from socialsim.runs.manifest import Manifest


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """The paths synced and renamed, in order."""
    calls: list[tuple[str, Path]] = []
    fsync, replace = os.fsync, Path.replace

    def recording_fsync(descriptor: int) -> None:
        calls.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def recording_replace(self: Path, target: str | Path) -> Path:
        calls.append(("rename", Path(target)))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(Path, "replace", recording_replace)
    return calls


def test_bytes_name_and_directory_are_synced_in_this_order(tmp_path: Path, disk: list[tuple[str, Path]]) -> None:
    path = tmp_path / "a"
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    (sync, temporary), *rest = disk
    assert (sync, temporary.parent) == ("sync", tmp_path)
    assert temporary != path
    assert rest == [("rename", path), ("sync", tmp_path)]
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def manifest(*, sealed: bool) -> Manifest:
    return Manifest(run_id="r1", shard=0, sealed=sealed)


def test_a_sealed_manifest_survives_a_power_failure(tmp_path: Path, disk: list[tuple[str, Path]]) -> None:
    directory = RunDirectory(tmp_path, "r1").lead()
    assert ("sync", tmp_path) in disk, "the name of the new directory is durable"
    disk.clear()
    directory.write_manifest(manifest(sealed=False))
    assert [call for call, _ in disk] == ["rename"]
    disk.clear()
    directory.write_manifest(manifest(sealed=True))
    assert disk[-1] == ("sync", directory.path)
    assert [call for call, _ in disk] == ["sync", "rename", "sync"]
    directory.release()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = RunDirectory(tmp_path, "r1").lead()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LogFullError, match=r"manifest-00000\.json: cannot be written: No space left on device"):
        directory.write_manifest(manifest(sealed=True))
    directory.release()
