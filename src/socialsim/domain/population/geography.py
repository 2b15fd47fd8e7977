"""Who lives where, and who is in whose circles: without a table of people, and without asking anyone.

A keyed permutation gives each user a position. Countries are intervals of positions, in proportion to their weights;
cities are intervals of their country's; communities are blocks of their city's. A circle (a class, a club) is a block of
the positions of a community, a city or a country after another permutation. So the members of a circle can be computed
from any of them, by any shard.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import gcd
from typing import Final, NamedTuple

from socialsim.domain.population.countries import COUNTRIES
from socialsim.kernel.randoms import mix
from socialsim.scenario.model import Scenario

_POSITIONS: Final = 0x706C_6163  # keeps these draws apart from all others
_CIRCLES: Final = 0x6369_7263
_WEIGHT_UNIT: Final = 1 << 20


class Home(NamedTuple):
    """Where somebody lives."""

    country: int  #: number in ``COUNTRIES``
    city: int  #: number in the country's cities
    position: int
    community: range  #: the positions of his community
    community_number: int  #: among all communities, in order of their positions
    city_positions: range
    country_positions: range


class Permutation:
    """A keyed bijection of ``range(size)``: a line around the circle of remainders, hence its own cheap inverse."""

    __slots__ = ("_factor", "inverse", "size", "summand")

    def __init__(self, size: int, key: int) -> None:
        # A factor far from 0 and from size, so that neighbours do not stay neighbours.
        factor = (size // 4 + key % (size // 2 + 1)) % size
        while gcd(factor, size) != 1:
            factor = (factor + 1) % size
        self.size = size
        self._factor = factor
        self.inverse = pow(factor, -1, size)
        self.summand = (key >> 32) % size

    def image(self, number: int) -> int:
        """Where ``number`` is put."""
        return (self._factor * number + self.summand) % self.size

    def origin(self, number: int) -> int:
        """Which number is put to ``number``."""
        return (number - self.summand) * self.inverse % self.size


class Circle(NamedTuple):
    """Some people who can meet: a block of an area's positions after the permutation of that number."""

    number: int
    area: range  #: positions
    first: int  #: member's place after the permutation


#: What the circles of a person are blocks of, from the first on: most people have but three to five.
_AREAS: Final = ("community", "community", "city", "community", "city", "country")


class Geography:
    """Homes and circles of one scenario's people."""

    def __init__(self, scenario: Scenario) -> None:
        self._seed = scenario.seed
        self._users = scenario.users
        self._community_people = scenario.community_people
        self._circle_people = scenario.circle_people
        self.positions = Permutation(scenario.users, mix(scenario.seed, _POSITIONS))  #: from user ids
        self._countries = _intervals(
            range(scenario.users),
            [round(country.weight**scenario.country_skew * _WEIGHT_UNIT) for country in COUNTRIES],
        )
        self._cities = [
            (number, city, interval)
            for number, positions in enumerate(self._countries)
            for city, interval in enumerate(_intervals(positions, [city.weight for city in COUNTRIES[number].cities]))
            if interval
        ]
        self._city_starts = [interval.start for _, _, interval in self._cities]
        sizes = [-(-len(interval) // scenario.community_people) for _, _, interval in self._cities]
        self._first_communities = list(accumulate(sizes, initial=0))  # by city
        self._permutations: dict[tuple[int, int], Permutation] = {}

    def home(self, user_id: int) -> Home:
        """Where ``user_id`` lives."""
        position = self.positions.image(user_id)
        place = bisect_right(self._city_starts, position) - 1
        country, city, positions = self._cities[place]
        size = self._community_people
        number = (position - positions.start) // size
        start = positions.start + number * size
        community = range(start, min(start + size, positions.stop))
        return Home(
            country,
            city,
            position,
            community,
            self._first_communities[place] + number,
            positions,
            self._countries[country],
        )

    def country(self, user_id: int) -> int:
        """The number of the country of ``user_id``."""
        return self._cities[bisect_right(self._city_starts, self.positions.image(user_id)) - 1][0]

    def circle(self, home: Home, number: int) -> Circle:
        """The circle of that ``number`` of one who lives at ``home``."""
        area = _AREAS[number % len(_AREAS)]
        if area == "community":
            positions = home.community
        elif area == "city":
            positions = home.city_positions
        else:
            positions = home.country_positions
        place = self._permutation(len(positions), number).image(home.position - positions.start)
        return Circle(number, positions, place - place % self._people(number))

    def members(self, circle: Circle) -> list[int]:
        """The user ids of those in ``circle``."""
        number, area, first = circle
        permutation = self._permutation(len(area), number)
        places = range(first, min(first + self._people(number), len(area)))
        return [self.positions.origin(area[permutation.origin(place)]) for place in places]

    def country_pool(self, country: int) -> list[int]:
        """The user ids of all who live in the country of that number."""
        return [self.positions.origin(position) for position in self._countries[country]]

    def _people(self, number: int) -> int:
        """How many people a full circle of that number has: the first circles are the closest."""
        return max(self._circle_people * (3 * number + 2) >> 3, 2)

    def _permutation(self, size: int, circle: int) -> Permutation:
        """That of the circles number ``circle`` of areas of ``size`` people. Kept, for there are few."""
        permutation = self._permutations.get((size, circle))
        if permutation is None:
            permutation = Permutation(size, mix(self._seed, _CIRCLES, size, circle))
            self._permutations[size, circle] = permutation
        return permutation


def _intervals(whole: range, weights: Sequence[int]) -> list[range]:
    """``whole`` cut in proportion to ``weights``; parts may be empty if it is short."""
    total = sum(weights)
    bounds = [whole.start]
    reached = 0
    for weight in weights:
        reached += weight
        bounds.append(whole.start + len(whole) * reached // total)
    return [range(first, stop) for first, stop in pairwise(bounds)]
