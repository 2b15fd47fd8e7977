"""``python -m tools.make_clocks``: writes ``data/zones.py`` from the installed tzdata."""

import importlib.resources
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final
from zoneinfo import ZoneInfo

from socialsim.domain.population.clocks import rule_changes
from socialsim.domain.population.countries import COUNTRIES
from socialsim.domain.population.zone_rules import YearlyChange
from tools.generated import DATA, literals

PATH: Final = DATA / "zones.py"
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2100  # the changes are compared with the rule up to this year
_STEP: Final = timedelta(hours=12)  # clocks never change twice within this time
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_NAME: Final = r"(?:<[-+\w]+>|[A-Za-z]+)"
_RULE: Final = re.compile(
    rf"{_NAME}(?P<standard>[-+\d:]+)(?:{_NAME}(?P<summer>[-+\d:]+)?,(?P<begin>M[\d.]+(?:/[-\d:]+)?),(?P<end>M[\d.]+(?:/[-\d:]+)?))?"
)

_HEAD: Final = '''"""Clocks by time zone, from tzdata {version} (public domain, see NOTICE.md). Written by ``make data``.

A zone has its offset at the epoch; the changes of its offset as ``minute:offset``, in minutes since
the epoch and minutes east of UTC; and the first year of its yearly rule with the rule's changes.
See ``zone_rules.Zone``.
"""

# fmt: off
from typing import Final

from socialsim.domain.population.zone_rules import Zone

VERSION: Final = "{version}"  #: of tzdata

ZONES: Final[dict[str, Zone]] = {{
'''


def changes(zone: ZoneInfo) -> Iterator[tuple[datetime, timedelta]]:
    """Every clock change with its instant and new offset, found by stepping and bisection."""
    at = _EPOCH
    offset = _offset(zone, at)
    while at.year < _LAST_YEAR:
        later = at + _STEP
        if _offset(zone, later) != offset:
            low, high = at, later
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=round((high - low).total_seconds()) // 2)
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            offset = _offset(zone, later)
            yield high, offset
        at = later


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    if offset is None:
        raise SystemExit(f"{zone} has no offset at {at}")
    return offset


def minutes(span: timedelta) -> int:
    """The minutes of ``span``, which must be whole."""
    if span % timedelta(minutes=1):
        raise SystemExit(f"{span} is not a whole number of minutes")
    return span // timedelta(minutes=1)


def parse_rule(posix: str) -> tuple[()] | tuple[YearlyChange, YearlyChange]:
    """The yearly rule in the last line of a zone's file, such as ``EST5EDT,M3.2.0,M11.1.0``."""
    found = _RULE.fullmatch(posix)
    if found is None:
        raise SystemExit(f"{posix} is not a supported rule")
    if found["begin"] is None:
        return ()
    standard = -_minutes_of(found["standard"])  # POSIX counts westwards
    summer = -_minutes_of(found["summer"]) if found["summer"] else standard + 60
    return _yearly(found["begin"], summer), _yearly(found["end"], standard)


def _yearly(text: str, offset: int) -> YearlyChange:
    day, _, clock = text.partition("/")
    month, week, weekday = map(int, day.removeprefix("M").split("."))
    return month, week, weekday, _minutes_of(clock or "2"), offset


def _minutes_of(clock: str) -> int:
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + (int(rest or 0) if not hours.startswith("-") else -int(rest or 0))


def zone_lines(name: str) -> Iterator[str]:
    """The entry of one zone."""
    file = importlib.resources.files("tzdata") / "zoneinfo" / name
    with file.open("rb") as opened:
        zone = ZoneInfo.from_file(opened, key=name)
    rule = parse_rule(file.read_bytes().rstrip(b"\n").rsplit(b"\n", 1)[1].decode("ascii"))
    found = [(minutes(at - _EPOCH), minutes(offset)) for at, offset in changes(zone)]
    year = _LAST_YEAR
    while year > _FIRST_YEAR and rule_changes(rule, year - 1) == [
        change for change in found if _year(change[0]) == year - 1
    ]:
        year -= 1
    explicit = [f"{at}:{offset}" for at, offset in found if _year(at) < year]
    yield f'    "{name}": ('
    yield f"        {minutes(_offset(zone, _EPOCH))},"
    texts = list(literals(explicit, ",", "            "))
    yield from ["        (", *texts, "        ),"] if len(texts) > 1 else [f"        {texts[0].strip()},"]
    yield f"        {year},"
    yield f"        {rule},"
    yield "    ),"


def _year(minute: int) -> int:
    return (_EPOCH + timedelta(minutes=minute)).year


def lines() -> Iterator[str]:
    """The module, line by line."""
    yield from _HEAD.format(version=version("tzdata")).splitlines()
    for name in sorted({city.zone for country in COUNTRIES for city in country.cities}):
        yield from zone_lines(name)
    yield "}"


def main() -> None:
    """Write the module."""
    PATH.write_text("\n".join([*lines(), ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
