"""A manifest store in memory."""

from typing import Self

from socialsim.runs.manifest import Manifest


class MemoryManifests:
    """Keeps manifests in a dict.

    For runs in one process: with several, each would have its own copy.
    """

    def __init__(self, acknowledged: dict[int, int] | None = None) -> None:
        self.manifests: dict[int, Manifest] = {}
        self._acknowledged = acknowledged or {}

    def acknowledged_seq(self, shard: int) -> int:
        """The last ``seq`` that previous attempts made durable; -1 for none."""
        return self._acknowledged.get(shard, -1)

    def write(self, manifest: Manifest) -> None:
        """Store ``manifest``."""
        self.manifests[manifest.shard] = manifest

    def resumed(self) -> Self:
        """The store for the next attempt, which takes the acknowledged ``seq`` from the
        manifests.
        """
        return type(self)({shard: manifest.acknowledged_seq for shard, manifest in self.manifests.items()})
