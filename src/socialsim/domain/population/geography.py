"""Homes and circles, computed without a table of users and without a message.

A keyed permutation gives each user a position. Countries are intervals of positions, in proportion
to their weights; cities are intervals of their country's positions; communities are blocks of their
city's. A circle (a class, a club) is a block of the positions of a community, a city or a country
after another permutation. Any shard can therefore compute all members of a circle from any one of
them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import gcd
from typing import Final, NamedTuple

from socialsim.domain.population.countries import COUNTRIES
from socialsim.kernel.randoms import mix
from socialsim.scenario.model import Scenario

_POSITIONS: Final = 0x706C_6163  # key of this stream of draws
_CIRCLES: Final = 0x6369_7263
_WEIGHT_UNIT: Final = 1 << 20


class Home(NamedTuple):
    """Where a user lives."""

    country: int  #: index in ``COUNTRIES``
    city: int  #: index in the country's cities
    position: int
    community: range  #: the positions of the user's community
    community_number: int  #: among all communities, in the order of their positions
    city_positions: range
    country_positions: range


class Permutation:
    """A keyed permutation of ``range(size)``.

    An affine map x -> (a * x + b) mod n with gcd(a, n) = 1, whose inverse is cheap.
    """

    __slots__ = ("_factor", "inverse", "size", "summand")

    def __init__(self, size: int, key: int) -> None:
        # A factor far from 0 and from size, so that neighbours are separated.
        factor = (size // 4 + key % (size // 2 + 1)) % size
        while gcd(factor, size) != 1:
            factor = (factor + 1) % size
        self.size = size
        self._factor = factor
        self.inverse = pow(factor, -1, size)
        self.summand = (key >> 32) % size

    def image(self, number: int) -> int:
        """What ``number`` is mapped to."""
        return (self._factor * number + self.summand) % self.size

    def origin(self, number: int) -> int:
        """The inverse: the number that is mapped to ``number``."""
        return (number - self.summand) * self.inverse % self.size


class Circle(NamedTuple):
    """Users who can meet: a block of an area's positions after permutation ``number``."""

    number: int
    area: range  #: positions
    first: int  #: first member's index after the permutation


#: The areas of a user's circles, in order. Most users have only three to five circles.
_AREAS: Final = ("community", "community", "city", "community", "city", "country")


class Geography:
    """Homes and circles of a scenario's users."""

    def __init__(self, scenario: Scenario) -> None:
        self._seed = scenario.seed
        self._users = scenario.users
        self._community_people = scenario.community_people
        self._circle_people = scenario.circle_people
        #: from user ids
        self.positions = Permutation(scenario.users, mix(scenario.seed, _POSITIONS))
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
        index = bisect_right(self._city_starts, position) - 1
        country, city, positions = self._cities[index]
        size = self._community_people
        number = (position - positions.start) // size
        start = positions.start + number * size
        community = range(start, min(start + size, positions.stop))
        return Home(
            country,
            city,
            position,
            community,
            self._first_communities[index] + number,
            positions,
            self._countries[country],
        )

    def country(self, user_id: int) -> int:
        """The index in ``COUNTRIES`` of the country where ``user_id`` lives."""
        return self._cities[bisect_right(self._city_starts, self.positions.image(user_id)) - 1][0]

    def circle(self, home: Home, number: int) -> Circle:
        """Circle ``number`` of a user who lives at ``home``."""
        area = _AREAS[number % len(_AREAS)]
        if area == "community":
            positions = home.community
        elif area == "city":
            positions = home.city_positions
        else:
            positions = home.country_positions
        index = self._permutation(len(positions), number).image(home.position - positions.start)
        return Circle(number, positions, index - index % self._circle_size(number))

    def members(self, circle: Circle) -> list[int]:
        """The user ids of the members of ``circle``."""
        number, area, first = circle
        permutation = self._permutation(len(area), number)
        indices = range(first, min(first + self._circle_size(number), len(area)))
        return [self.positions.origin(area[permutation.origin(index)]) for index in indices]

    def country_pool(self, country: int) -> list[int]:
        """The user ids of all who live in the country with this index."""
        return [self.positions.origin(position) for position in self._countries[country]]

    def _circle_size(self, number: int) -> int:
        """Members of a full circle ``number``. The first circles are the smallest."""
        return max(self._circle_people * (3 * number + 2) >> 3, 2)

    def _permutation(self, size: int, circle: int) -> Permutation:
        """The permutation of circles number ``circle`` in areas of ``size`` users.

        Cached; there are few.
        """
        permutation = self._permutations.get((size, circle))
        if permutation is None:
            permutation = Permutation(size, mix(self._seed, _CIRCLES, size, circle))
            self._permutations[size, circle] = permutation
        return permutation


def _intervals(whole: range, weights: Sequence[int]) -> list[range]:
    """``whole`` divided in proportion to ``weights``; parts of a short range may be empty."""
    total = sum(weights)
    bounds = [whole.start]
    cumulative = 0
    for weight in weights:
        cumulative += weight
        bounds.append(whole.start + len(whole) * cumulative // total)
    return [range(first, stop) for first, stop in pairwise(bounds)]
