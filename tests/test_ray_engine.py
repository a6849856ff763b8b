"""Counting on a Ray cluster of two worker nodes: the rows of one machine, whatever happens to its workers."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from poison import Deadly, Failing, named
from ray_cluster import ray, two_worker_nodes
from tiny import save_tiny_counter, write_photos

from counting.bulk.rows import Contents, NamedPhoto, Row, count_rows
from counting.cli import main
from counting.predictor.predictor import load

pytestmark = pytest.mark.slow

PHOTOS = 100


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_worker_nodes() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_counter(tmp_path_factory.mktemp("counter"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_photos(tmp_path_factory.mktemp("many") / "photos", PHOTOS)
    (folder / "0003.jpg").write_bytes(b"broken")
    return folder


def with_ray(cluster: Any, counter: Path, photos: list[NamedPhoto]) -> Iterator[Row]:
    from counting.bulk.ray_engine import count_with_ray

    return count_with_ray(photos, options={"name": counter}, contents=Contents(json=True), address=cluster.address)


def said(rows: Iterator[Row]) -> list[tuple[str, str, str]]:
    return [(row.image, row.json, row.error) for row in rows]


def here(counter: Path, photos: list[NamedPhoto]) -> list[tuple[str, str, str]]:
    return said(count_rows(load(counter), photos, Contents(json=True), 1))


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_the_command_writes_the_same_file_on_a_cluster(
    cluster: Any, counter: Path, photos: Path, ending: str, tmp_path: Path
) -> None:
    request = ["predict", str(photos), "--counter", str(counter), "--out"]
    assert main([*request, str(tmp_path / f"local.{ending}")]) == 0
    out = str(tmp_path / f"ray.{ending}")
    assert main([*request, out, "--engine", "ray", "--address", cluster.address]) == 0
    assert (tmp_path / f"ray.{ending}").read_bytes() == (tmp_path / f"local.{ending}").read_bytes()


def test_photos_that_do_harm_cost_their_own_rows_only(cluster: Any, counter: Path, photos: Path) -> None:
    files = sorted(photos.iterdir())[4:24]
    many = named(*files[:10], Deadly("deadly.jpg"), Failing("failing.jpg"), *files[10:])
    rows = list(with_ray(cluster, counter, many))
    errors = {row.image: row.error for row in rows if row.error}
    assert list(errors) == ["10", "11"]
    assert "ended abruptly" in errors["10"]
    assert errors["11"] == "RuntimeError: no more memory"
    assert len(rows) == len(many)


def test_photos_of_a_worker_that_ended_are_counted_again(
    cluster: Any, counter: Path, photos: Path, tmp_path: Path
) -> None:
    files = sorted(photos.iterdir())[4:44]
    many = named(*files[:20], Deadly("a.jpg", tmp_path / "ended"), *files[20:])
    rows = list(with_ray(cluster, counter, many))
    assert (tmp_path / "ended").exists()
    assert [row.error for row in rows] == [""] * 41


def test_a_node_may_leave_in_the_middle(cluster: Any, counter: Path, photos: Path) -> None:
    node = cluster.add_node(num_cpus=1)
    many = named(*sorted(photos.iterdir()))
    rows = with_ray(cluster, counter, many)
    first = next(rows)
    leaving = threading.Thread(target=cluster.remove_node, args=(node,))
    leaving.start()
    counted = said(iter([first, *rows]))
    leaving.join()
    assert counted == here(counter, many)


def test_a_cluster_that_cannot_be_reached_is_refused(
    counter: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ray.shutdown()
    request = ["predict", str(photos), "--counter", str(counter), "--engine", "ray", "--address", "nowhere"]
    assert main(request) == 2
    assert "cannot connect to the Ray cluster nowhere" in capsys.readouterr().err
