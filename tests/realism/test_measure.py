"""All statistics of whole runs: of a uniform population, which must fail, and of runs by hand."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pytest

from socialsim.realism import population
from socialsim.realism.bands import BY_ID
from socialsim.realism.events import DEVICES, RunEvents, birthday_code
from socialsim.realism.judge import judge, judge_outcome
from socialsim.realism.measure import measure, published_degree_cdf
from socialsim.realism.outcome import Measurement
from socialsim.realism.view import AnalysisView
from socialsim.scenario.model import DAY_US
from tests.realism.runs import START_US, run_of, uniform_run, uniform_view, users

HOUR_US = DAY_US // 24


def test_the_uniform_baseline_fails() -> None:
    verdicts = {each.id: each.verdict for each in judge(measure(uniform_view()), None, [], "mature")}
    failing = {name for name, verdict in verdicts.items() if verdict == "fail"}
    # What nobody would mistake for people: equal friends, no circles, no countries, no growth, no
    # loud minority.
    assert failing >= {
        "degree_distribution", "degree_gini", "local_clustering", "transitivity", "friendship_paradox", "same_country",
        "triangle_closing", "densification", "post_concentration", "devices",
    }  # fmt: skip
    assert sum(verdict == "pass" for verdict in verdicts.values()) < 12
    # So few people are near each other in any network, chance alone is a little bursty, and one
    # like for each comment, as one picture for each video, lies half a band's width outside, just
    # where failing begins: these need not fail.
    near = ("mean_distance", "burstiness", "likes_to_comments", "photo_to_video")
    assert not {name for name in near if verdicts[name] == "pass"}


def test_the_same_events_give_bitwise_equal_values() -> None:
    again = AnalysisView(uniform_run())
    assert measure(again) == measure(uniform_view())


def test_only_requested_statistics_are_measured() -> None:
    assert list(measure(uniform_view(), ["countries", "transitivity"])) == ["transitivity", "countries"]


def test_an_empty_run_gives_a_reason_per_statistic() -> None:
    outcomes = measure(AnalysisView(run_of(1, {})))
    assert set(outcomes) == set(BY_ID)
    assert all(each.reason and not each.figures for each in outcomes.values())


def test_a_short_run_has_no_values_for_long_term_statistics() -> None:
    outcomes = measure(uniform_view())
    assert outcomes["dau_mau"].reason == "the run has 16 days, 30 are needed"
    assert set(outcomes["retention"].figures) == {"d1", "d7"}


def content_run() -> RunEvents:
    """Two authors with twenty posts, one per hour; 60 other users like each after a delay."""
    tables = {"user": users(200), "picture": [], "video": [], "picture_like": [], "video_like": [], "comment": []}
    for post in range(20):
        kind = "video" if post % 5 == 0 else "picture"
        posted_us = START_US + DAY_US + post * HOUR_US
        tables[kind].append({f"{kind}_id": post, "user_id": post % 2, "time_us": posted_us})
        for liker in range(60):
            liked_us = posted_us + (liker + 1) * HOUR_US // 10
            tables[f"{kind}_like"].append({f"{kind}_id": post, "user_id": 100 + liker, "time_us": liked_us})
    tables["comment"] = [{"user_id": 5, "time_us": START_US + DAY_US} for _ in range(400)]
    return run_of(10, tables)


def test_content_statistics_of_a_run_made_by_hand() -> None:
    outcomes = measure(
        AnalysisView(content_run()), ["like_age", "likes_to_comments", "photo_to_video", "post_concentration"]
    )
    assert outcomes["like_age"].figures["median"] == pytest.approx(3.05)
    assert outcomes["likes_to_comments"].figures["ratio"] == pytest.approx(3)
    assert outcomes["photo_to_video"].reason == "the run has 4 videos, 100 are needed"
    assert outcomes["post_concentration"].reason == "the run has 20 posts, 1,000 are needed"


def test_likes_of_a_picture_and_a_video_with_equal_ids_are_distinguished() -> None:
    tables = {
        "user": users(3),
        "picture": [{"picture_id": 7, "user_id": 0, "time_us": START_US + 10}],
        "video": [{"video_id": 7, "user_id": 1, "time_us": START_US + 20}],
        "video_like": [{"video_id": 7, "user_id": 2, "time_us": START_US + 50}, {"video_id": 8, "user_id": 2}],
    }
    view = AnalysisView(run_of(1, tables))
    (liked,) = view.likes.post.tolist()
    assert view.posts.time_us[liked] == START_US + 20
    assert sorted(view.likes_of_posts.tolist()) == [0, 1]


def test_events_of_users_without_a_sign_up_are_ignored() -> None:
    tables = {
        "user": users(2),
        "friend_acceptance": [{"user_id": 0, "requester_id": 1}, {"user_id": 0, "requester_id": 9}],
    }
    view = AnalysisView(run_of(1, tables))
    assert view.graph.edges == 1
    assert view.graph.degrees.tolist() == [1, 1]


def test_a_session_is_activity_but_not_an_action() -> None:
    tables = dict(run_of(3, {"user": users(1), "comment": [{"user_id": 0, "time_us": START_US + DAY_US}]}).tables)
    tables["session"] = {
        "time_us": np.array([START_US + 2 * DAY_US]), "user_id": np.array([0]), "device": np.array([1], np.uint8),
    }  # fmt: skip
    view = AnalysisView(RunEvents("r1", tables, START_US, START_US + 3 * DAY_US))
    assert view.actions.time_us.tolist() == [START_US + DAY_US]
    assert view.active_days[1].tolist() == [0, 1, 2]


def test_gaps_are_sampled_in_large_populations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socialsim.realism.view.ACTION_USERS_MAX", 300)
    some, everybody = AnalysisView(uniform_run()).actions, uniform_view().actions
    drawn = np.unique(some.user)
    assert 250 < len(drawn) <= 300
    mine = np.isin(everybody.user, drawn)
    assert np.array_equal(everybody.user[mine], some.user)
    assert np.array_equal(everybody.time_us[mine], some.time_us)


def test_a_population_with_published_devices_passes() -> None:
    rows = []
    for user in range(1_000):
        habit = sum(user >= first for first in (805, 825, 855))
        main, other = (("mobile", "mobile"), ("web", "web"), ("tablet", "mobile"), ("mobile", "web"))[habit]
        for n in range(12):
            device = DEVICES.index(main if n % 3 else other)
            rows.append({"user_id": user, "time_us": START_US + n, "device": device})
    view = AnalysisView(run_of(1, {"user": users(1_000), "comment": [*rows]}))
    # The sign-ups are from device 0 of each user, which would make them a user of several devices.
    view.run.tables["user"]["device"][:] = [rows[12 * user + 1]["device"] for user in range(1_000)]
    figures = measure(view, ["devices"])["devices"].figures
    assert figures["mobile_only"] == pytest.approx(0.805)
    assert figures["web_only"] == pytest.approx(0.02)
    assert figures["tablet_main"] == pytest.approx(0.03)
    assert figures["cramers_v"] == pytest.approx(0)


def test_ages_are_whole_years_on_the_day_of_the_sign_up() -> None:
    joined = [date(2026, 3, 1), date(2026, 2, 28), date(2026, 3, 1), date(2026, 1, 1), date(1970, 1, 1)]
    born = [date(2008, 3, 1), date(2012, 2, 29), date(2012, 2, 29), date(2026, 1, 2), date(1960, 12, 31)]
    instants_us = np.array([birthday_code(day) for day in joined]) * DAY_US + DAY_US - 1
    assert population.ages(np.array(list(map(birthday_code, born))), instants_us).tolist() == [18, 13, 14, -1, 9]


def test_ages_of_a_population_are_judged_and_children_fail() -> None:
    def figures(youngest: int) -> Mapping[str, float]:
        rows = users(1_000)
        day = START_US // DAY_US
        for number, row in enumerate(rows):
            years = youngest if number < 50 else 25 if number < 590 else 50 if number < 940 else 70
            row["birthday"] = day - round(years * 365.25) - 9
        return measure(AnalysisView(run_of(1, {"user": rows})), ["ages"])["ages"].figures

    assert figures(15) == {"minors": 0.05, "young": 0.54, "old": 0.06, "children": 0}
    assert figures(8) == {"minors": 0, "young": 0.54, "old": 0.06, "children": 0.05}
    assert judge_outcome(BY_ID["ages"], Measurement(figures(15))) == "pass"
    assert judge_outcome(BY_ID["ages"], Measurement(figures(8))) == "fail"


def test_a_population_with_published_degrees_passes() -> None:
    draws = (np.arange(4_000) + 0.5) / 4_000
    values = np.arange(1, 2_000)
    mean = 60.0
    friends = values[np.searchsorted(published_degree_cdf(values + 0.5, mean), draws)]
    assert friends.mean() == pytest.approx(mean, rel=0.03)
    empirical = np.cumsum(np.bincount(friends, minlength=2_001)[1:]) / len(friends)
    assert np.abs(empirical[: len(values)] - published_degree_cdf(values + 0.5, friends.mean())).max() < 0.02
