"""Who may import whom: the arrows of the architecture, read off the source.

Annotations count too.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "socialsim"

#: By room (a package, or one module of it): what it may import of ours beside itself. The longest
#: name that fits a module decides. ``*`` allows everything but the edge; a name with dots allows
#: that package or module alone.
ALLOWED: dict[str, frozenset[str]] = {
    # leaves
    "errors": frozenset(),
    "platform_errors": frozenset({"errors"}),
    "durable_files": frozenset(),
    "installation": frozenset(),  # how socialsim was installed, for remedies
    "events": frozenset(),
    "kernel": frozenset(),
    "settings": frozenset({"errors"}),
    "scenario": frozenset({"errors"}),
    # the simulation
    "domain.population": frozenset({"kernel", "events", "scenario"}),
    "domain.behaviour": frozenset({"domain.messages", "domain.population", "kernel", "scenario"}),
    "domain.messages": frozenset(),
    "domain.actors": frozenset(
        {"domain.behaviour", "domain.population", "domain.messages", "kernel", "events", "scenario"}
    ),
    "simulation": frozenset({"domain", "kernel", "events", "scenario", "runs.manifest", "transport.base", "errors"}),
    "oracle": frozenset({"events", "scenario", "errors"}),  # not the rows, not the log, not SQL
    "contracts": frozenset({"events"}),
    "formats": frozenset({"events", "registry", "transport.base", "errors"}),
    # texts and bytes; what they say is of no concern to it
    "registry": frozenset({"settings", "errors"}),
    # a run's directory and its control totals
    "runs.manifest": frozenset({"events"}),
    "runs.digest": frozenset({"errors"}),
    "runs.choice": frozenset({"errors"}),
    "runs.extent": frozenset(),
    "runs.directory": frozenset({"runs.extent", "runs.manifest", "oracle", "scenario", "durable_files", "errors"}),
    "runs.summary": frozenset({"runs.directory"}),
    "runs.catalog": frozenset({"runs.choice", "warehouse.schema.tables", "errors"}),
    # the pipeline: the log knows bytes only, the warehouse knows no log
    "transport": frozenset({"errors"}),
    "transport.files": frozenset({"transport.base", "durable_files", "errors", "platform_errors"}),
    "transport.kafka": frozenset({"transport.base", "errors"}),
    "warehouse.base": frozenset({"events"}),
    "warehouse.urls": frozenset({"errors"}),
    "warehouse.driver_errors": frozenset({"warehouse.urls", "errors"}),
    "warehouse.engines": frozenset(
        {"warehouse.driver_errors", "warehouse.mysql.settings", "warehouse.mysql.tls", "warehouse.urls", "errors"}
    ),
    "warehouse.mysql.settings": frozenset({"warehouse.base"}),
    "warehouse.mysql.tls": frozenset({"warehouse.urls", "errors"}),
    "warehouse.dead_letters": frozenset(
        {"warehouse.batches", "warehouse.engines", "warehouse.schema", "warehouse.urls", "events", "errors"}
    ),
    "warehouse.batches": frozenset({"warehouse.base", "events", "errors"}),
    "warehouse.schema": frozenset(
        {"warehouse.engines", "warehouse.mysql.settings", "warehouse.urls", "events", "errors"}
    ),
    "warehouse.mysql": frozenset(
        {
            "warehouse.mysql",
            "warehouse.base",
            "warehouse.batches",
            "warehouse.driver_errors",
            "warehouse.engines",
            "warehouse.schema",
            "warehouse.urls",
            "events",
            "errors",
        }
    ),
    "warehouse.sqlite": frozenset(
        {
            "warehouse.base",
            "warehouse.batches",
            "warehouse.driver_errors",
            "warehouse.engines",
            "warehouse.schema",
            "warehouse.urls",
            "events",
            "errors",
        }
    ),
    "warehouse": frozenset({"events", "errors"}),
    "consumer": frozenset({"transport.base", "warehouse.base", "events", "errors"}),
    "monitoring": frozenset({"_version", "consumer", "simulation.process", "transport.base", "events", "errors"}),
    # what is computed from rows: no driver, no log
    "verification": frozenset({"warehouse.base", "warehouse.schema", "events", "runs", "scenario", "errors"}),
    "kpi": frozenset({"warehouse.schema", "oracle", "runs", "events", "errors"}),
    "report": frozenset(
        {"kpi", "verification.offsets", "runs", "warehouse.schema.tables", "monitoring.http", "installation", "errors"}
    ),
    "export": frozenset({"warehouse.schema.tables", "durable_files", "installation", "platform_errors", "errors"}),
    "realism": frozenset(
        {
            "transport.base",
            "transport.replay",
            "warehouse.schema.tables",
            "runs.catalog",
            "runs.choice",
            "report.html",
            "report.plotly_js",
            "events",
            "scenario",
            "errors",
        }
    ),
    "testing": frozenset(
        {"registry.base", "transport.base", "warehouse.base", "warehouse.batches", "runs.manifest", "events", "errors"}
    ),
    # the edge
    "bootstrap": frozenset({"*"}),
    "cli": frozenset({"*", "bootstrap", "cli"}),
    "__init__": frozenset({"_version", "events", "scenario", "simulation.iterate"}),
    "_version": frozenset(),
}
#: Nobody but the edge itself imports these.
EDGE = frozenset({"cli", "bootstrap"})


def modules() -> dict[str, str]:
    """The text of every module by its dotted name below socialsim; a package by its own name."""
    texts = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        texts[name.removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return texts


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """Line and target of each import of ours, below socialsim. Imports for types count too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides where it goes"
            # ``from socialsim import x`` and ``from socialsim.transport import base`` may name
            # modules.
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            if target.startswith("socialsim."):
                yield node.lineno, target.removeprefix("socialsim.")


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(module: str) -> str | None:
    """The longest name in ALLOWED that fits."""
    fitting = [room for room in ALLOWED if within(module, room)]
    return max(fitting, key=len) if fitting else None


def is_allowed(module: str, target: str) -> bool:
    room = room_of(module)
    assert room is not None
    if any(within(target, edge) and edge not in ALLOWED[room] for edge in EDGE):
        return within(module, "bootstrap") and within(target, "bootstrap")
    if room_of(target) == room:
        return True
    return "*" in ALLOWED[room] or any(within(target, name) for name in ALLOWED[room])


def offending(module: str, source: str) -> list[str]:
    return [
        f"{module}:{line}: {module} -> {target}"
        for line, target in imports_of(source)
        if not is_allowed(module, target)
    ]


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def import_graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """By module the modules that it imports.

    A name imported from a package counts as the package, unless a module.
    """
    graph: dict[str, set[str]] = {}
    for module, text in texts.items():
        targets = set()
        for _, target in imports_of(text):
            known = target if target in texts else target.rpartition(".")[0]
            if known in texts and known != module:
                targets.add(known)
        graph[module] = targets
    return graph


def test_imports_follow_the_arrows() -> None:
    found = [line for module, text in modules().items() if room_of(module) for line in offending(module, text)]
    assert not found, "\n" + "\n".join(found)


def test_every_room_has_its_arrows() -> None:
    homeless = [module for module, text in modules().items() if room_of(module) is None and any(imports_of(text))]
    assert not homeless, f"say what these may import: {homeless}"


def test_no_module_imports_itself_through_others() -> None:
    assert circles(import_graph(modules())) == []


def test_a_circle_is_found_also_one_of_annotations() -> None:
    texts = {
        "a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from socialsim.b import B",
        "b": "from socialsim.c import C",
        "c": "from socialsim import a",
        "d": "from socialsim.a import A",
    }
    assert circles(import_graph(texts)) == [["a", "b", "c"]]


@pytest.mark.parametrize(
    ("module", "source", "target"),
    [
        ("kernel.loop", "from socialsim.errors import InputError", "errors.InputError"),
        ("domain.actors.user", "import socialsim.simulation.shard_group", "simulation.shard_group"),
        ("domain.population.traits", "from socialsim.domain.actors.user import User", "domain.actors.user.User"),
        ("simulation.process", "from socialsim.transport.files import FileWriter", "transport.files.FileWriter"),
        ("simulation.process", "from socialsim.transport import files", "transport.files"),
        ("simulation.event_sink", "from socialsim.oracle import KpiCollector", "oracle.KpiCollector"),
        ("oracle.truth", "from socialsim.verification import verify", "verification.verify"),
        ("oracle.truth", "from socialsim.warehouse.schema.tables import users", "warehouse.schema.tables.users"),
        ("transport.base", "from socialsim.events import Event", "events.Event"),
        ("transport.kafka.reader", "from socialsim.transport.files import FileReader", "transport.files.FileReader"),
        ("warehouse.mysql.session", "from socialsim.warehouse.sqlite.errors import f", "warehouse.sqlite.errors.f"),
        ("consumer.lane", "def f():\n    from socialsim.warehouse.mysql import M", "warehouse.mysql.M"),
        ("events.types", "from socialsim import bootstrap", "bootstrap"),
        ("verification.verify", "import socialsim.transport.kafka", "transport.kafka"),
        ("bootstrap.log", "from socialsim.cli.main import main", "cli.main.main"),
        ("kpi.compute", "from socialsim.bootstrap.run import lead_run", "bootstrap.run.lead_run"),
    ],
)
def test_an_offending_arrow_is_named(module: str, source: str, target: str) -> None:
    (found,) = offending(module, source)
    assert found.endswith(f"{module} -> {target}")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("simulation.event_sink", "from socialsim.transport.base import EventWriter"),
        ("simulation.supervisor", "import socialsim.errors"),
        ("cli.commands.run", "from socialsim.bootstrap.run import lead_run"),
        ("bootstrap.log", "from socialsim.transport.kafka import KafkaWriter"),
        ("kernel.actor", "from socialsim.kernel.loop import VirtualTimeLoop\nimport asyncio"),
        ("warehouse.mysql.warehouse", "from socialsim.warehouse.mysql.session import MysqlSession"),
    ],
)
def test_arrows_that_are_allowed_pass(module: str, source: str) -> None:
    assert offending(module, source) == []
