"""The extent of a run in a log, and what has been lost of it."""

import pytest

from socialsim.runs.extent import Edges, LogExtent, TopicExtent, begun_at, ended_at, find_gap, find_losses, sum_losses

THEN = LogExtent("c", {"users": TopicExtent((5, 0), (15, 10))})


@pytest.mark.parametrize(
    ("cluster", "begins", "ends", "reason"),
    [
        ("c", (0, 0), (15, 10), None),
        ("c", (5, 0), (99, 99), None),
        ("c", (0, 0, 0), (15, 10, 3), None),  # a partition was added
        ("c", (6, 0), (15, 10), "deleted"),
        ("c", (15, 10), (15, 10), "deleted"),
        ("c", (0, 0), (0, 0), "recreated"),
        ("c", (0, 0), (15, 9), "recreated"),
        ("c", (0,), (15,), "recreated"),
        ("d", (0, 0), (15, 10), "cluster d"),
    ],
)
def test_losses_of_a_complete_run_are_found_by_the_edges_of_the_log(
    cluster: str, begins: tuple[int, ...], ends: tuple[int, ...], reason: str | None
) -> None:
    losses = find_losses(THEN, cluster, {"users": Edges(begins, ends)}, {"users": 20})
    assert [reason is not None and reason in loss.reason for loss in losses] == ([] if reason is None else [True])


def test_lost_records_are_counted() -> None:
    (loss,) = find_losses(THEN, "c", {"users": Edges((9, 0), (15, 10))}, {"users": 20})
    assert (loss.held, loss.written) == (16, 20)
    assert "at least 4 of 20 records in 1 topics are gone: users holds at most 16" in sum_losses([loss])
    (gone,) = find_losses(THEN, "c", {}, {"users": 20, "pictures": 0})
    assert (gone.held, gone.topic) == (0, "users")


def test_losses_without_an_extent_are_found_by_counts() -> None:
    full = {"users": Edges((3, 0), (20, 3))}
    assert find_losses(None, "c", full, {"users": 20}) == []
    assert [loss.held for loss in find_losses(None, "c", full, {"users": 21})] == [20]


@pytest.mark.parametrize(
    ("edges", "written", "words"),
    [
        (Edges((0, 0), (5, 0)), 0, None),
        (Edges((0, 0), (10, 2)), 7, None),
        (Edges((0, 0), (10, 2)), 8, "hold 7 of the 8"),
        (Edges((6, 0), (10, 2)), 3, "deleted"),
        (Edges((0, 0), (4, 9)), 3, "recreated"),
        (Edges((0, 0), (0, 0)), 0, None),
    ],
)
def test_unfinished_run_resumes_only_if_its_records_are_in_the_log(
    edges: Edges, written: int, words: str | None
) -> None:
    began = begun_at("c", {"users": Edges((0, 0), (5, 0))})
    gap = find_gap(began, "c", {"users": edges}, written)
    assert gap is None if words is None else words in (gap or "")
    assert find_gap(began, "other", {"users": edges}, 1) is not None


def test_extent_begins_at_the_end_of_existing_records() -> None:
    began = begun_at("c", {"users": Edges((1, 0), (5, 0))})
    assert began == LogExtent("c", {"users": TopicExtent((5, 0))})
    assert ended_at(began, {"users": Edges((1, 0), (15, 10))}) == THEN
