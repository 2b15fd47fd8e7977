"""``python -m benchmarks [simulate|kafka|warehouse]``: all three when none is named."""

import argparse

from benchmarks import simulate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", choices=("simulate", "kafka", "warehouse", []), help="what to measure")
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement; the medians are shown")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--memory-users", type=int, default=100_000)
    chosen = parser.parse_args()
    what = chosen.what or ["simulate"]
    if "simulate" in what:
        simulate.main(rounds=chosen.rounds, users=chosen.users, days=chosen.days, memory_users=chosen.memory_users)


if __name__ == "__main__":
    main()
