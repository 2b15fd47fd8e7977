import argparse
from pathlib import Path

from compose.native import keeper


def main() -> int:
    p = argparse.ArgumentParser()
    s = p.add_subparsers(dest="c", required=True)
    k = s.add_parser("keep")
    k.add_argument("kind")
    k.add_argument("directory", type=Path)
    k.add_argument("pid", type=int)
    a = p.parse_args()
    keeper.keep(a.kind, a.directory, a.pid)
    return 0
