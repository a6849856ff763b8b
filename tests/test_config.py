"""Configurations: the published ones parse, mistakes are answered in one line."""

from pathlib import Path

import pytest
from tiny import tiny_cells

from counting.networks.config import Config, config_names, read_config
from counting.networks.counters import build_counter
from counting_datasets.data_sets import DATA_SETS
from counting_datasets.errors import CountingError


@pytest.mark.parametrize("name", config_names())
def test_every_published_configuration_is_of_a_known_counter_and_data_set(name: str) -> None:
    config = read_config(name)
    assert config.data.name in DATA_SETS
    assert build_counter(config.counter, tiny_cells(config.cells.grid), ("cat", "dog"), config.head)


def test_there_are_published_configurations() -> None:
    assert {"demo", "voc2007/seq_sub", "coco2014/seq_sub"} <= set(config_names())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("counter: aso_sub\nhead: {hidden: [32]}\noptimization:\n  epochs: 3\n")
    return path


def test_the_file_then_changes_on_top_then_defaults(file: Path) -> None:
    config = read_config(
        str(file), ["optimization.batch=16", "head.hidden=[8, 4]", "data.root=own/data", "seed=3"]
    )
    assert (config.optimization.epochs, config.optimization.batch) == (3, 16)
    assert config.optimization.patience == Config(counter="aso_sub").optimization.patience
    assert config.head == {"hidden": [8, 4]}
    assert config.data.root == Path("own/data")
    assert config.seed == 3


def test_what_is_written_reads_back_the_same(file: Path, tmp_path: Path) -> None:
    config = read_config(str(file), ["optimization.learning_rate=1e-5", "data.categories=[a, b]", "data.root=x"])
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert read_config(str(tmp_path / "again.yaml")) == config


def test_on_is_a_key_and_no_a_category(file: Path) -> None:
    file.write_text(
        "counter: aso_sub\nloss: {on: [sum]}\ndata: {categories: [yes, no]}\nbackbone: {frozen: false}\n"
    )
    config = read_config(str(file))
    assert config.loss.on == ("sum",)
    assert config.data.categories == ("yes", "no")
    assert config.backbone.frozen is False


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("colour=red", "unknown key 'colour', available: backbone, cells, counter, "),
        ("optimisation.epochs=3", r"mine.yaml: unknown key 'optimisation', did you mean 'optimization'\?"),
        ("backbone.subitizing={folder: sos, epoch: 2}", "backbone.subitizing: unknown key 'epoch', did you mean"),
        ("hint.waight=1", "hint: unknown key 'waight', did you mean 'weight'"),
        ("hint.lambda=1", "hint: unknown key 'lambda', available: cue, importance, share, weight"),
        ("loss.beta=2", "loss: .*beta requires kind: huber"),
        ("optimization.epoch=3", r"optimization: unknown key 'epoch', did you mean 'epochs'\?"),
        ("optimization.epochs=many", "optimization.epochs: Input should be a valid integer"),
        ("optimization.epochs=0", "optimization.epochs: Input should be greater than 0"),
        ("optimization.learning_rate=-1", "optimization.learning_rate"),
        ("cells.mode=cut", "cells.mode: Input should be 'pool' or 'crop'"),
        ("cells={mode: crop, grid: 5}", "cells: .*576 must be a multiple of grid 5"),
        ("loss.on=[]", "loss.on"),
        ("loss.on=[everything]", "loss.on"),
        ("backbone.frozen_stages=3", "backbone.frozen_stages requires backbone.frozen: false"),
        ("optimization.side=320", "optimization.side requires backbone.frozen: false"),
        ("data=voc2007", "data: "),
        ("optimization", "'optimization': write a change to the configuration as key=value"),
        ("=3", "as key=value"),
        ("counter.name=glance", "'counter' is not a section"),
        ("seed=2026-13-32", "the value is not YAML"),
        ("seed=[1", "the value is not YAML"),
    ],
)
def test_a_mistaken_change_is_named_in_one_line(file: Path, change: str, says: str) -> None:
    with pytest.raises(CountingError, match=says) as refused:
        read_config(str(file), [change])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"counter: [aso_sub", "not YAML"),
        (b"- counter\n- aso_sub\n", "not a configuration, which maps keys to values"),
        (b"", "not a configuration, which maps keys to values"),
        (b"\xff\xfe\x00counter", "not YAML"),
        (b"\x89PNG\r\n\x1a\n", "not YAML"),
        (b"seed: 2026-13-32\n", "not YAML"),
        (b"seed: 1\n", "counter: missing"),
        (b"counter: aso_sub\n1: 2\n", "1: Keys should be strings"),
        (
            b"{counter: aso_sub, backbone: {frozen: false}, cells: {mode: crop}, optimization: {side: 400}}",
            "optimization.side 400 must be a multiple of cells.grid 3",
        ),
    ],
    ids=[
        "cut short",
        "a list",
        "empty",
        "no text",
        "a picture",
        "no date",
        "no counter",
        "a number for a key",
        "half pixels",
    ],
)
def test_a_mistaken_file_is_named_in_one_line(file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    with pytest.raises(CountingError, match=says) as refused:
        read_config(str(file))
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CountingError, match=r"no configuration 'voc2007/seq': .*did you mean 'voc2007/seq_sub'\?"):
        read_config("voc2007/seq")


@pytest.mark.parametrize(
    ("counter", "options", "says"),
    [
        (
            "aso",
            {},
            "unknown counter 'aso': did you mean 'aso_sub'\\? Available: aso_sub, att_sub, glance, gt_class, ",
        ),
        ("aso_sub", {}, "head.hidden: missing"),
        ("aso_sub", {"hiden": [3], "hidden": [3]}, "head: unknown key 'hiden', did you mean 'hidden'\\?"),
        ("aso_sub", {"hidden": "many"}, "head.hidden: input should be a valid list"),
        ("aso_sub", {"hidden": [0]}, r"head.hidden.0: input should be greater than 0"),
        ("aso_sub", {"hidden": [3], "dropout": 1.5}, "head.dropout: input should be less than 1"),
        ("seq_sub", {"hidden": 3, "recurrent": -1}, "head.recurrent: input should be greater than 0"),
        ("att_sub", {"hidden": 10, "heads": 4}, "head.heads: 4 does not divide head.hidden 10"),
        ("gt_class", {"hidden": [3], "largest": 0}, "head.largest: input should be greater than 0"),
        ("glance", {"hidden": [3], "categories": ["cat"]}, "head.categories: got multiple values"),
    ],
)
def test_a_mistaken_option_of_a_counter_is_named(counter: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(CountingError, match=says) as refused:
        build_counter(counter, tiny_cells(), ("cat", "dog"), options)
    assert "\n" not in str(refused.value)
