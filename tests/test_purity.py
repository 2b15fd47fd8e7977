"""What decides the stream knows no wall clock, no other randomness, no hash order and no I/O: read
off its source.

A simulation that calls any of these may still pass every test of determinism on the machine where
it was written.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "socialsim"
PURE = ("kernel", "domain", "simulation", "events", "oracle", "scenario", "runs/manifest.py")

#: Modules that tell the time, that draw, or that reach outside of the process.
IMPURE_MODULES = frozenset(
    [
        "time",
        "random",
        "secrets",
        "uuid",
        "os",
        "sys",
        "io",
        "socket",
        "ssl",
        "select",
        "selectors",
        "signal",
        "subprocess",
        "multiprocessing",
        "threading",
        "concurrent",
        "queue",
        "tempfile",
        "shutil",
        "glob",
        "pathlib",
        "logging",
        "platform",
        "getpass",
        "locale",
        "sched",
        "faker",
        "numpy",
        "ctypes",
        "gc",
        "urllib",
        "http",
        "sqlite3",
        "pickle",
        "tomllib",
    ]
)
#: Calls by their last name: of any object, for a wall clock can be reached through many.
IMPURE_CALLS = frozenset(
    [
        "now",
        "utcnow",
        "today",
        "hash",
        "id",
        "open",
        "input",
        "print",
        "urandom",
        "getrandbits",
        "perf_counter",
        "monotonic",
        "time_ns",
        "all_tasks",
        "as_completed",
        "run_in_executor",
        "popitem",
        "vars",
        "globals",
    ]
)
IMPURE_ATTRIBUTES = (".datetime.now", ".datetime.utcnow", ".datetime.today", ".date.today")

#: What is impure on purpose: file, name, and why.
ALLOWED: dict[tuple[str, str], str] = {
    ("simulation/exchange.py", "multiprocessing"): "pipes between processes carry letters at window ends",
    ("simulation/supervisor.py", "multiprocessing"): "starts processes; decides nothing about the stream",
    ("simulation/supervisor.py", "os"): "pids of parent and child",
    ("simulation/supervisor.py", "signal"): "children leave the terminal's signals to their parent",
    ("simulation/supervisor.py", "ctypes"): "prctl: children die with their parent",
    ("simulation/supervisor.py", "gc"): "collecting long-lived actors costs most of the time",
    ("simulation/log_relay.py", "multiprocessing"): "the pipe from a child to its parent",
    ("simulation/log_relay.py", "logging"): "carries log lines to the parent, which has a log",
    ("simulation/log_relay.py", "threading"): "a child's writer has a thread that logs too",
    ("simulation/pacing.py", "time"): "ties simulated to wall time; handed to the simulation, decides no event",
    ("oracle/files.py", "pathlib"): "chunks lie in files while a run lasts; nothing of the stream depends on them",
    ("oracle/files.py", "open"): "opens those files",
    ("scenario/model.py", "pathlib"): "the type of the path of a scenario's file",
    ("scenario/model.py", "tomllib"): "reads that file, before the run",
}


class Finding(NamedTuple):
    place: str
    line: int
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.what}"


def findings(place: str, source: str) -> Iterator[Finding]:
    """What is impure in ``source``, allowed or not."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        for module in _imported(node):
            if module in IMPURE_MODULES:
                yield Finding(place, line, module, f"imports {module}")
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in IMPURE_CALLS:
                yield Finding(place, line, name, f"calls {name}()")
        if isinstance(node, ast.Attribute) and f".{ast.unparse(node)}".endswith(IMPURE_ATTRIBUTES):
            yield Finding(place, line, node.attr, f"uses {ast.unparse(node)}")
        for iterated in _iterated(node):
            if _is_set(iterated):
                yield Finding(place, iterated.lineno, "set", f"iterates over a set: {ast.unparse(iterated)}")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").partition(".")[0]]
    return []


def _iterated(node: ast.AST) -> list[ast.expr]:
    """What ``node`` goes through in the order of iteration."""
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        return [node.iter]
    if isinstance(node, ast.Call) and node.args:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in {"list", "tuple", "enumerate", "iter", "map", "filter", "zip", "next", "join", "extend", "dict"}:
            return list(node.args)
    if isinstance(node, ast.Starred):
        return [node.value]
    return []


def _is_set(node: ast.expr) -> bool:
    """Whether an expression is a set by its look."""
    if isinstance(node, ast.BinOp):
        return _is_set(node.left) or _is_set(node.right)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in {"enumerate", "reversed", "list", "tuple"}:
            return any(map(_is_set, node.args))
        return isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}
    return isinstance(node, ast.Set | ast.SetComp)


def pure_files() -> list[Path]:
    return [
        path for name in PURE for path in ([SOURCE / name] if name.endswith(".py") else (SOURCE / name).rglob("*.py"))
    ]


def all_findings() -> list[Finding]:
    return [
        finding
        for path in pure_files()
        for finding in findings(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8"))
    ]


def test_what_decides_the_stream_is_pure() -> None:
    assert len(pure_files()) > 20
    impure = [finding for finding in all_findings() if (finding.place, finding.name) not in ALLOWED]
    assert not impure, "\n" + "\n".join(map(str, impure))


def test_every_exception_is_still_needed() -> None:
    found = {(finding.place, finding.name) for finding in all_findings()}
    assert set(ALLOWED) <= found, set(ALLOWED) - found


@pytest.mark.parametrize(
    "sample",
    [
        "import time",
        "from time import monotonic",
        "import random",
        "import os.path",
        "from uuid import uuid4",
        "import secrets",
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime\nnow = datetime.datetime.now(datetime.UTC)",
        "import datetime\nclock = datetime.datetime.now",
        "from datetime import date\nday = date.today()",
        "key = hash('name')",
        "key = id(object())",
        "text = open('file').read()",
        "import socket",
        "from pathlib import Path",
        "for name in {'a', 'b'}: pass",
        "names = [name for name in set(names)]",
        "names = list({1, 2})",
        "names = [*{1, 2}]",
        "text = ','.join({'a', 'b'})",
        "for pair in enumerate(frozenset(names)): pass",
        "for name in known - {1}: pass",
        "for name in {n for n in names}: pass",
        "name = next(iter(set(names)))",
        "first = known.popitem()",
        "import asyncio\nfor task in asyncio.all_tasks(): pass",
    ],
)
def test_samples_of_impurity_are_found(sample: str) -> None:
    assert list(findings("sample.py", sample))


@pytest.mark.parametrize(
    "sample",
    [
        "from datetime import date\nday = date.fromordinal(7)",
        "for name in sorted({'a', 'b'}): pass",
        "known = {1, 2}\nfound = 1 in known",
        "from heapq import heappop",
        "for name in {'a': 1}: pass",
        "def sign_up(user_id, now_us): return user_id",
        "timer = loop.time()",
    ],
)
def test_samples_of_purity_pass(sample: str) -> None:
    assert not list(findings("sample.py", sample))
