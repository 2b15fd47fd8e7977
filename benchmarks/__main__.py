"""``python -m benchmarks [startup] [simulate] [kafka] [warehouse]``: runs all if none is named.

Benchmarks neither pass nor fail. They print ratios and the conditions of the measurement.
"""

import argparse

WHAT = ("startup", "simulate", "kafka", "warehouse")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="|".join(WHAT), help="what to measure; default: all")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement; medians are shown")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--large-users", type=int, default=100_000, help="users for memory and for several processes")
    parser.add_argument("--records", type=int, default=300_000, help="most records to write to Kafka and MySQL")
    parser.add_argument("--transaction-rows", type=int, default=10_000)
    parser.add_argument("--flavour", choices=("mariadb", "mysql"), default="mariadb")
    chosen = parser.parse_args()
    what = chosen.what or WHAT
    if unknown := sorted(set(what) - set(WHAT)):
        parser.error(f"{', '.join(unknown)}: allowed are {', '.join(WHAT)}")
    size = {"rounds": chosen.rounds, "users": chosen.users, "days": chosen.days}
    # Imported on demand: measuring the simulation needs no driver and no server.
    if "startup" in what:
        from benchmarks import startup  # noqa: PLC0415

        startup.main(rounds=chosen.rounds)
    if "simulate" in what:
        from benchmarks import simulate  # noqa: PLC0415

        simulate.main(**size, large_users=chosen.large_users)
    if "kafka" in what:
        from benchmarks import kafka  # noqa: PLC0415

        kafka.main(**size, records_max=chosen.records)
    if "warehouse" in what:
        from benchmarks import warehouse  # noqa: PLC0415

        warehouse.main(
            **size, rows_max=chosen.records, rows_per_transaction=chosen.transaction_rows, flavour=chosen.flavour
        )


if __name__ == "__main__":
    main()
