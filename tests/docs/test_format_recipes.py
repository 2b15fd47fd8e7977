"""The recipes of ``docs/guides/formats.md`` that the page calls tested, and its first commands, do
what it says.

Recipes and commands are taken from the page. Only addresses and topics are replaced by those of the
test.
"""

import re
import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from compose.native import KafkaCluster, RegistryServer
from compose.native.install import ensure_jq
from socialsim.events import SessionStarted
from socialsim.scenario.model import Scenario
from socialsim.simulation.iterate import simulate
from tests.cli.conftest import COMMAND, DEADLINE_S, clean_environment

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "formats.md").read_text(encoding="utf-8")
FORMATS = {"Plain JSON": "json", "JSON with a schema": "json-registry", "Avro": "avro"}
SECTION, UNTESTED = "## Recipes\n", "untested"
KAFKA, REGISTRY = "127.0.0.1:9092", "http://127.0.0.1:8081/apis/ccompat/v7"
SCENARIO = Scenario(users=60, days=2, seed=5, shards=4)
RUN = ("run", "--users", "60", "--days", "2", "--seed", "5", "--shards", "4", "--processes", "1")

_PARTS = re.compile(
    r"^### (?P<format>[^\n]+)$|^\*(?P<tool>[^\n*:]+): (?P<state>\w+)\*$|^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Recipe(NamedTuple):
    value_format: str
    tool: str
    state: str
    language: str
    text: str


def recipes(page: str) -> list[Recipe]:
    """Each code block below a title of a format, with what the page says about it."""
    found: list[Recipe] = []
    value_format, tool, state = "", "", ""
    for part in _PARTS.finditer(page.partition(SECTION)[2]):
        if part["format"]:
            value_format, tool, state = FORMATS[part["format"]], "", ""
        elif part["tool"]:
            tool, state = part["tool"], part["state"]
            assert state in {"tested", UNTESTED}, f"{tool}: {state}"
        elif value_format:
            assert tool, f"{value_format}: a recipe does not say whether it is tested"
            found.append(Recipe(value_format, tool, state, part["language"], part["text"]))
            tool = ""
    return found


def first_block(page: str, language: str, after: str = "") -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", page.partition(after)[2] if after else page, re.M | re.S)
    assert found
    return found[1]


RECIPES = recipes(PAGE)
TESTED = [recipe for recipe in RECIPES if recipe.state != UNTESTED]


class World:
    """One run in each format, in topics of its own and in files."""

    def __init__(self, directory: Path, kafka: KafkaCluster, registry: RegistryServer) -> None:
        self.directory = directory
        self._kafka = kafka
        self._registry = registry
        self._prefix = f"t_{secrets.token_hex(6)}"

    def adapted(self, text: str, value_format: str) -> str:
        """``text`` with the addresses and topics of this test."""
        text = text.replace(REGISTRY, self._registry.url).replace(f"{KAFKA}/avro", KAFKA)
        text = text.replace(f"kafka://{KAFKA}", self.log(value_format)).replace(KAFKA, self._kafka.bootstrap)
        return re.sub(r"\b(?:socialsim|avro)\.sessions\b", f"{self.prefix(value_format)}.sessions", text)

    def prefix(self, value_format: str) -> str:
        return f"{self._prefix}-{value_format}"

    def log(self, value_format: str) -> str:
        return f"{self._kafka.url}/{self.prefix(value_format)}"

    def socialsim(self, *arguments: str) -> str:
        variables = {"SOCIALSIM_REGISTRY": self._registry.url, "SOCIALSIM_RUNS": "runs"}
        return self.output([*COMMAND, *arguments], **variables)

    def output(self, command: Sequence[str], **variables: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=clean_environment(**variables),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def fill(self) -> None:
        for value_format in ("json", "json-registry"):
            to = ("--to", self.log(value_format), "--value-format", value_format)
            self.socialsim("topics", "create", "--partitions", "2", *to)
            self.socialsim(*RUN, "--run-id", value_format, *to)
        self.socialsim(*RUN, "--run-id", "files")

    def dump(self, value_format: str, name: str) -> None:
        """Write the values of all sessions into the file ``name`` as kcat does, each with a line
        break.
        """
        topic = f"{self.prefix(value_format)}.sessions"
        values = f"b''.join(record.value() + b'\\n' for record in records({topic!r}))"
        code = f"from pathlib import Path; from topic import records; Path({name!r}).write_bytes({values})"
        self.output([sys.executable, "-c", code])


@pytest.fixture(scope="module")
def world(kafka: KafkaCluster, registry: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The topics hold what the page's commands wrote; the directory has what a kcat would have
    written.
    """
    directory = tmp_path_factory.mktemp("recipes")
    world = World(directory, kafka, registry)
    world.fill()
    commands = [line.split() for line in first_block(PAGE, "").splitlines() if "bin/socialsim " in line]
    assert [command[1] for command in commands] == ["topics", "run", "consume", "verify"]
    for _, *arguments in commands:
        scenario = list(RUN[1:]) if arguments[0] == "run" else []
        world.socialsim(*world.adapted(" ".join(arguments), "avro").split(), *scenario)
    (directory / "topic.py").write_text(world.adapted(first_block(PAGE, "python", SECTION), ""), encoding="utf-8")
    return world


def expected() -> list[tuple[str, int, int]]:
    """Device, number of sessions, their seconds."""
    durations: dict[str, list[int]] = defaultdict(list)
    for event in simulate(SCENARIO):
        if isinstance(event, SessionStarted):
            durations[event.device].append(event.duration_s)
    assert len(durations) > 1
    return [(device, len(each), sum(each)) for device, each in sorted(durations.items())]


def write_dump(world: World, value_format: str) -> None:
    """The files that the recipes of kcat write, and for DuckDB the one that sed writes."""
    name = "sessions.ndjson" if value_format == "json" else "sessions.framed"
    world.dump(value_format, name)
    if value_format == "json-registry":
        sed = next(line for line in PAGE.splitlines() if line.startswith("LC_ALL=C sed "))
        world.output(["sh", "-c", sed])


def answer(world: World, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    text = world.adapted(recipe.text, recipe.value_format)
    if recipe.language == "sql":
        monkeypatch.chdir(world.directory)
        rows = duckdb.sql(text)
        assert rows is not None
        return [(device, count, int(spent_s)) for device, count, spent_s in rows.fetchall()]
    command = [sys.executable, "-c", text] if recipe.language == "python" else ["sh", "-c", text]
    lines = [line.split() for line in world.output(command).splitlines()]
    return [(device, int(count), int(spent_s)) for device, count, spent_s in lines]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TESTED, ids=lambda recipe: f"{recipe.value_format}-{recipe.tool}")
def test_a_recipe_answers(world: World, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    if recipe.tool == "jq":
        ensure_jq()
    if recipe.value_format != "avro":
        write_dump(world, recipe.value_format)
    assert answer(world, recipe, monkeypatch) == expected()


@pytest.mark.parametrize("schema_id", [1, 10, 0x7B, 0x0A7B0A7B, 0x2F2F2F2F])
def test_sed_removes_any_schema_id(tmp_path: Path, schema_id: int) -> None:
    """Also those whose bytes are a line break, a brace or a slash; texts may contain anything."""
    lines = [b'{"type":"comment","text":"{\\"type\\":1}"}', '{"type":"comment","text":"é\u2028"}'.encode()]
    framed = b"".join(b"\0" + schema_id.to_bytes(4, "big") + line + b"\n" for line in lines)
    (tmp_path / "sessions.framed").write_bytes(framed)
    sed = next(line for line in PAGE.splitlines() if line.startswith("LC_ALL=C sed "))
    subprocess.run(["sh", "-c", sed], cwd=tmp_path, check=True)
    assert (tmp_path / "sessions.ndjson").read_bytes().splitlines() == lines


def test_every_format_has_its_recipes() -> None:
    tools = {
        value_format: {each.tool.split(",")[0].split()[0] for each in RECIPES if each.value_format == value_format}
        for value_format in FORMATS.values()
    }
    assert tools["json"] == tools["json-registry"] == {"kcat", "jq", "DuckDB", "Python", "Kafka", "Spark"}
    assert tools["avro"] == {"kcat", "Python", "Spark"}  # Kafka UI needs no recipe of its own
    assert {each.tool for each in RECIPES if each.state == UNTESTED} >= {"kcat", "Kafka UI", "Spark"}
    assert len(TESTED) >= 9


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("## Recipes\n### Avro\n\n```sh\ntrue\n```\n", "does not say whether"),
        ("## Recipes\n### Avro\n\n*kcat: perhaps*\n\n```sh\ntrue\n```\n", "perhaps"),
    ],
)
def test_a_recipe_that_does_not_say_is_refused(page: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        recipes(page)
