"""Kafka brokers in KRaft mode, each also a controller: one, or three that form a cluster."""

import base64
import contextlib
import shutil
import uuid
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from compose.native import install
from compose.native.kafka_probe import known_brokers
from compose.native.ports import free_port
from compose.native.server import START_TIMEOUT_S, NativeServer, ProcessIdentity, StackError
from compose.native.settings import load_settings

_SMALL = ("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
#: JVM options: fast start and small for tests, realistic for benchmarks, and for the class archive.
JVM = {
    "small": _SMALL,
    "archiving": _SMALL,
    "fast": ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:-UsePerfData"),
}
_ARCHIVE = "classes.jsa"


@dataclass(frozen=True)
class KafkaSpec:
    """A cluster's configuration, enough to attach to it again from a state file.

    ``listeners`` are further client listeners by name with their security protocols, such as
    ``{"SECURE": "SASL_SSL"}``; each gets its own free port on each broker. ``properties`` override
    ours.
    """

    directory: str
    cluster_id: str
    ports: tuple[int, ...]
    controller_ports: tuple[int, ...]
    listeners: Mapping[str, str] = field(default_factory=dict)
    listener_ports: Mapping[str, Sequence[int]] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm: str = "small"

    def broker_properties(self, node: int) -> dict[str, str]:
        """The complete configuration of broker ``node``, counted from 1."""
        size = len(self.ports)
        at = node - 1
        clients = {"PLAINTEXT": self.ports[at]} | {name: ports[at] for name, ports in self.listener_ports.items()}
        client_listeners = [f"{name}://127.0.0.1:{port}" for name, port in clients.items()]
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **self.listeners}
        voters = ",".join(f"{i}@127.0.0.1:{port}" for i, port in enumerate(self.controller_ports, start=1))
        settings = load_settings().kafka
        return {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": voters,
            "listeners": ",".join([*client_listeners, f"CONTROLLER://127.0.0.1:{self.controller_ports[at]}"]),
            "advertised.listeners": ",".join(client_listeners),
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(Path(self.directory) / f"data-{node}"),
            **settings.properties,
            **settings.replication[str(size)],
            **self.properties,
        }


def random_id() -> str:
    """A random id in Kafka's format: 16 bytes in URL-safe base64, without a leading dash."""
    return "S" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def java(main: str, *arguments: str, jvm: Sequence[str] = JVM["small"]) -> list[str]:
    """The command line of a main class in Kafka's jars, such as ``org.apache.kafka.tools.X``."""
    return [install.ensure_java(), *jvm, "-cp", f"{install.ensure_kafka()}/*", main, *arguments]


def _class_archive() -> Path:
    """A class archive from one broker's start: later starts take two thirds of the time and CPU.

    It may be absent if the JVM cannot create one. A JVM ignores an archive that does not fit it.
    """
    program = Path(install.ensure_java()).resolve()
    stat = program.stat()
    java_version = f"{zlib.crc32(f'{program}:{stat.st_size}:{stat.st_mtime_ns}'.encode()):08x}"

    def build(scratch: Path) -> None:
        with KafkaCluster.create(scratch / "broker", jvm="archiving") as cluster:
            cluster.stop()
        shutil.rmtree(scratch / "broker")

    return install.cached(f"kafka-{load_settings().kafka.version}-classes-{java_version}", build) / _ARCHIVE


def _template() -> Path:
    """A data directory formatted once by Kafka's tool, which saves a JVM per broker start.

    Only its ``meta.properties`` differs between brokers and clusters.
    """

    def build(scratch: Path) -> None:
        spec = KafkaSpec(str(scratch), random_id(), ports=(1,), controller_ports=(2,))
        path = scratch / "properties"
        lines = [f"{key}={value}\n" for key, value in spec.broker_properties(1).items()]
        path.write_text("".join(lines), encoding="utf-8")
        tool = ("kafka.tools.StorageTool", "format", "-t", spec.cluster_id, "-c", str(path))
        install.run(java(*tool), "formatting a data directory for Kafka")

    return install.cached(f"kafka-{load_settings().kafka.version}-data", build) / "data-1"


class KafkaBroker(NativeServer):
    """One node of a cluster."""

    def __init__(self, spec: KafkaSpec, node: int, *, die_with_parent: bool) -> None:
        super().__init__(f"kafka-{node}", Path(spec.directory), spec.ports[node - 1], die_with_parent=die_with_parent)
        self.spec = spec
        self.node = node
        #: Ready once it knows this many brokers; a single restart must not wait for dead brokers.
        self.brokers_expected = 1

    @property
    def properties_path(self) -> Path:
        """The configuration file, readable by the owner only as it may contain secrets."""
        return self.directory / f"{self.name}.properties"

    @property
    def data_directory(self) -> Path:
        """The broker's log segments."""
        return self.directory / f"data-{self.node}"

    def command(self) -> list[str]:
        """The broker's command line."""
        logging = Path(__file__).with_name("log4j2.properties")
        jvm = [*JVM[self.spec.jvm], f"-Dlog4j2.configurationFile={logging}"]
        if self.spec.jvm == "archiving":
            jvm.append(f"-XX:ArchiveClassesAtExit={self.directory.parent / _ARCHIVE}")
        elif (archive := _class_archive()).exists():
            jvm += [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        return java("kafka.Kafka", str(self.properties_path), jvm=jvm)

    def format(self) -> None:
        """Write the configuration, and format the data directory if it is new."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = [f"{key}={value}\n" for key, value in self.spec.broker_properties(self.node).items()]
        self.properties_path.touch(mode=0o600)
        self.properties_path.write_text("".join(lines), encoding="utf-8")
        if not self.data_directory.exists():
            fresh = self.data_directory.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(_template(), fresh)
            meta = {
                "version": "1",
                "node.id": str(self.node),
                "cluster.id": self.spec.cluster_id,
                "directory.id": random_id(),
            }
            lines = [f"{key}={value}\n" for key, value in meta.items()]
            (fresh / "meta.properties").write_text("".join(lines), encoding="utf-8")
            fresh.rename(self.data_directory)

    def launch(self) -> None:
        """Format if necessary, then start the process."""
        self.format()
        super().launch()

    def probe(self) -> None:
        """Request the cluster's metadata."""
        brokers = known_brokers("127.0.0.1", self.port)
        if self.node not in brokers or len(brokers) < self.brokers_expected:
            raise StackError(f"{self.name} knows only the brokers {sorted(brokers)}")


class KafkaCluster:
    """One or three brokers.

    ``brokers[0]`` is node 1; each can be stopped, killed, frozen or restarted.
    """

    def __init__(self, spec: KafkaSpec, *, die_with_parent: bool = True) -> None:
        self.spec = spec
        nodes = range(1, len(spec.ports) + 1)
        self.brokers = [KafkaBroker(spec, node, die_with_parent=die_with_parent) for node in nodes]

    def __repr__(self) -> str:
        return f"<KafkaCluster {self.brokers}>"

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        brokers: int = 1,
        port: int | None = None,
        listeners: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        jvm: str = "small",
        die_with_parent: bool = True,
    ) -> Self:
        """Describe a new cluster with its data under ``directory``; ``start`` brings it up.

        ``port`` is preferred for the first broker; the others take free ports. See KafkaSpec for
        the rest.
        """
        if str(brokers) not in load_settings().kafka.replication:
            raise StackError(f"a cluster has 1 or 3 brokers, not {brokers}")
        spec = KafkaSpec(
            directory=str(directory.resolve()),
            cluster_id=random_id(),
            ports=(free_port(port), *(free_port() for _ in range(brokers - 1))),
            controller_ports=tuple(free_port() for _ in range(brokers)),
            listeners=dict(listeners or {}),
            listener_ports={name: [free_port() for _ in range(brokers)] for name in listeners or ()},
            properties=dict(properties or {}),
            jvm=jvm,
        )
        return cls(spec, die_with_parent=die_with_parent)

    @property
    def bootstrap(self) -> str:
        """``127.0.0.1:PORT`` of each broker, comma-separated."""
        return self.bootstrap_of("PLAINTEXT")

    def bootstrap_of(self, listener: str) -> str:
        """Like ``bootstrap``, for a further listener of the spec."""
        ports = self.spec.ports if listener == "PLAINTEXT" else self.spec.listener_ports[listener]
        return ",".join(f"127.0.0.1:{port}" for port in ports)

    @property
    def url(self) -> str:
        """The URL for ``--to`` and ``--from``."""
        return f"kafka://{self.bootstrap}"

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start every broker that is down and wait until each knows all the others."""
        down = [broker for broker in self.brokers if not broker.alive]
        for broker in down:
            broker.launch()
        for broker in self.brokers:
            broker.brokers_expected = len(self.brokers)
            broker.wait_ready(timeout_s)
            broker.brokers_expected = 1

    def stop(self) -> None:
        """SIGTERM to all at once: one by one, the last would wait for a lost quorum."""
        with ThreadPoolExecutor(max_workers=len(self.brokers)) as pool:
            list(pool.map(KafkaBroker.stop, self.brokers))

    def kill(self) -> None:
        """SIGKILL to all."""
        for broker in self.brokers:
            broker.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(StackError):
            self.kill()

    def to_state(self) -> dict[str, Any]:
        """The state for ``from_state``, in JSON types."""
        identities = [[b.identity.pid, b.identity.start_ticks] if b.identity else None for b in self.brokers]
        return {"spec": {**vars(self.spec)}, "processes": identities}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, die_with_parent: bool = False) -> Self:
        """Attach to a cluster that another process started."""
        spec = dict(state["spec"])
        spec["ports"] = tuple(spec["ports"])
        spec["controller_ports"] = tuple(spec["controller_ports"])
        cluster = cls(KafkaSpec(**spec), die_with_parent=die_with_parent)
        for broker, identity in zip(cluster.brokers, state["processes"], strict=True):
            broker.identity = ProcessIdentity(*identity) if identity else None
        return cluster
