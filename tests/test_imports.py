"""Who may import whom: the arrows of the architecture, read off the source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "socialsim"
EVERYTHING = frozenset({"*"})

#: By unit (a package or module directly under socialsim): what it may import of ours beside itself. A name with a dot
#: allows that module alone.
ALLOWED: dict[str, frozenset[str]] = {
    # leaves
    "errors": frozenset(),
    "platform_errors": frozenset({"errors"}),
    "installation": frozenset(),
    "events": frozenset(),
    "kernel": frozenset(),
    "presets": frozenset(),
    "scenario": frozenset({"errors", "presets"}),
    "pacing": frozenset(),
    "extent": frozenset(),
    "settings": frozenset({"errors"}),
    "web": frozenset({"errors"}),
    # the simulation
    "domain": frozenset({"kernel", "events", "scenario"}),
    "shard": frozenset({"domain", "kernel", "events", "scenario", "manifest", "errors", "transport.base"}),
    "simulate": frozenset({"shard", "domain", "events", "scenario"}),
    # the books of a run
    "manifest": frozenset({"events"}),
    "oracle": frozenset({"events", "scenario", "errors"}),  # not the rows, not the log, not SQL
    "rundir": frozenset({"manifest", "oracle", "scenario", "extent", "errors"}),
    "digest": frozenset({"errors"}),
    # the road: the log knows bytes only, the warehouse knows no log
    "transport": frozenset({"errors", "platform_errors"}),
    "warehouse": frozenset({"events", "errors"}),
    "consumer": frozenset({"transport.base", "warehouse.base", "events", "errors"}),
    "live": frozenset({"consumer", "shard.process", "transport.base", "web", "events", "errors", "installation"}),
    "analytics": frozenset(
        {
            "warehouse.base",
            "warehouse.tables",
            "events",
            "manifest",
            "oracle",
            "rundir",
            "scenario",
            "errors",
        }  # no driver
    ),
    "report": frozenset({"analytics.kpi", "analytics.offsets", "warehouse.tables", "web", "errors", "installation"}),
    "export": frozenset({"warehouse.tables", "errors", "installation", "platform_errors"}),
    "realism": frozenset(
        {"transport.base", "warehouse.tables", "report.html", "report.library", "events", "scenario", "errors"}
    ),
    "testing": frozenset(
        {
            "transport.base",
            "warehouse.base",
            "warehouse.conflicts",
            "warehouse.planning",
            "warehouse.positions",
            "warehouse.run_keys",
            "events",
            "manifest",
            "errors",
        }
    ),
    # where the books of a run meet its log
    "kafka_runs": frozenset({"extent", "rundir", "scenario", "errors", "transport.kafka"}),
    # the edge
    "bootstrap": EVERYTHING,
    "cli": EVERYTHING,
    "__init__": frozenset({"events", "installation", "scenario", "simulate"}),
}
#: Nobody but the edge itself imports these.
EDGE = frozenset({"cli", "bootstrap"})


def imports_of(unit: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and target of each import of ours by ``unit``; of itself left out. Imports for types count too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides where it goes"
            module = node.module or ""
            # ``from socialsim import x`` and ``from socialsim.transport import base`` may name modules.
            targets = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            parts = target.split(".")
            if parts[0] == "socialsim" and len(parts) > 1 and parts[1] != unit:
                yield node.lineno, ".".join(parts[1:])


def is_allowed(unit: str, target: str) -> bool:
    top = target.partition(".")[0]
    if top in EDGE:
        return unit == "cli"
    allowed = ALLOWED[unit]
    return "*" in allowed or any(target == name or target.startswith(f"{name}.") for name in allowed)


def offending(unit: str, place: str, source: str) -> list[str]:
    return [
        f"{place}:{line}: {unit} -> {target}"
        for line, target in imports_of(unit, source)
        if not is_allowed(unit, target)
    ]


def sources() -> list[tuple[str, str, str]]:
    """Unit, place and text of every module."""
    paths = sorted(SOURCE.rglob("*.py"))
    relative = [path.relative_to(SOURCE) for path in paths]
    return [
        (name.parts[0].removesuffix(".py"), name.as_posix(), path.read_text(encoding="utf-8"))
        for name, path in zip(relative, paths, strict=True)
    ]


def test_imports_follow_the_arrows() -> None:
    found = [line for unit, place, source in sources() if unit in ALLOWED for line in offending(unit, place, source)]
    assert not found, "\n" + "\n".join(found)


def test_every_unit_has_its_arrows() -> None:
    units = {unit for unit, _, _ in sources()}
    assert units <= set(ALLOWED), f"say what these may import: {sorted(units - set(ALLOWED))}"


@pytest.mark.parametrize(
    ("unit", "source", "arrow"),
    [
        ("kernel", "from socialsim.errors import InputError", "kernel -> errors.InputError"),
        ("domain", "import socialsim.shard.host", "domain -> shard.host"),
        ("shard", "from socialsim.transport.files import FileWriter", "shard -> transport.files.FileWriter"),
        ("shard", "from socialsim.transport import files", "shard -> transport.files"),
        ("shard", "from socialsim.oracle import Observer", "shard -> oracle.Observer"),
        ("oracle", "from socialsim.analytics import verify", "oracle -> analytics.verify"),
        ("oracle", "from socialsim.warehouse.tables import users", "oracle -> warehouse.tables.users"),
        ("transport", "from socialsim.events import Event", "transport -> events.Event"),
        ("consumer", "def f():\n    from socialsim.warehouse.mysql import MySQL", "consumer -> warehouse.mysql.MySQL"),
        ("events", "from socialsim import bootstrap", "events -> bootstrap"),
        ("analytics", "import socialsim.transport.kafka", "analytics -> transport.kafka"),
        ("bootstrap", "from socialsim.cli.main import main", "bootstrap -> cli.main.main"),
        ("simulate", "from socialsim.cli import main", "simulate -> cli.main"),
    ],
)
def test_an_offending_arrow_is_named(unit: str, source: str, arrow: str) -> None:
    (found,) = offending(unit, "sample.py", source)
    assert found.endswith(arrow)


@pytest.mark.parametrize(
    ("unit", "source"),
    [
        ("shard", "from socialsim.transport.base import EventWriter"),
        ("shard", "import socialsim.errors"),
        ("cli", "from socialsim.bootstrap import open_log"),
        ("bootstrap", "from socialsim.transport.kafka import KafkaWriter"),
        ("kernel", "from socialsim.kernel.loop import VirtualTimeLoop\nimport asyncio"),
    ],
)
def test_arrows_that_are_allowed_pass(unit: str, source: str) -> None:
    assert offending(unit, "sample.py", source) == []
