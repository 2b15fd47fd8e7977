"""The books of a run in memory."""

from typing import Self

from socialsim.runs.manifest import Manifest


class MemoryManifests:
    """Keeps manifests in a dict. For runs in one process; in several, each process keeps its own copy."""

    def __init__(self, acknowledged: dict[int, int] | None = None) -> None:
        self.manifests: dict[int, Manifest] = {}
        self._acknowledged = acknowledged or {}

    def acknowledged_seq(self, shard: int) -> int:
        """What an earlier life of the run had made durable."""
        return self._acknowledged.get(shard, -1)

    def write(self, manifest: Manifest) -> None:
        """Keep ``manifest``."""
        self.manifests[manifest.shard] = manifest

    def resumed(self) -> Self:
        """The same books, knowing what they say is durable."""
        return type(self)({shard: manifest.acknowledged_seq for shard, manifest in self.manifests.items()})
