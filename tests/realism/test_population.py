"""Shares of users, devices and acceptances, compared with scipy and with results by hand."""

import numpy as np
import pytest
from scipy.stats import contingency

from socialsim.realism import population
from socialsim.realism.events import DEVICES
from socialsim.scenario.model import DAY_US


def test_total_variation_of_known_weights() -> None:
    assert population.total_variation([1, 1], [5, 5]) == 0
    assert population.total_variation([3, 0], [0, 9]) == 1
    assert population.total_variation([60, 40], [1, 1]) == pytest.approx(0.1)


def test_cramers_v_equals_that_of_a_table_with_the_expected_counts() -> None:
    observed = [820, 30, 50, 100]
    expected = [800, 20, 30, 150]
    found = population.cramers_v(observed, [each / 1_000 for each in expected])
    assert found == pytest.approx(contingency.association(np.array([observed, expected]), method="cramer"))
    assert population.cramers_v([8, 2], [0.8, 0.2]) == 0
    assert population.cramers_v([0, 9], [1.0, 0.0]) == 1


def test_users_are_classified_by_their_devices() -> None:
    def row(**events: int) -> list[int]:
        return [events.get(name, 0) for name in DEVICES]

    counts = np.array(
        [
            row(mobile=20),
            row(mobile=19, web=1),
            row(web=30),
            row(tablet=9, mobile=8),
            row(tablet=6, mobile=6),
            row(web=9),
        ]
    )
    assert population.device_habits(counts) == population.DeviceHabits(5, 1, 1, 1)


def test_device_counts_ignore_unknown_users() -> None:
    counts = population.device_counts(3, np.array([0, 2, 2, -1]), np.array([0, 1, 1, 2]))
    assert counts.sum() == 3
    assert counts[0, 0] == 1
    assert counts[2, 1] == 2


def test_only_requests_older_than_a_week_count() -> None:
    asked = {"request_id": np.array([5, 6, 7, 8]), "time_us": np.array([0, 0, 1, 4]) * DAY_US}
    accepted = {"request_id": np.array([5, 6, 8]), "time_us": np.array([2, 7, 5]) * DAY_US}
    share, requests = population.acceptance_share(asked, accepted, 10 * DAY_US, 7 * DAY_US)
    assert requests == 3  # the last one is too young
    assert share == pytest.approx(1 / 3)  # the second was answered too late, the third never


def test_the_share_of_the_largest_tenth() -> None:
    assert population.top_share(np.array([50, 10, 10, 10, 10, 10, 0, 0, 0, 0])) == pytest.approx(0.5)
    assert population.top_share(np.full(100, 3)) == pytest.approx(0.1)
