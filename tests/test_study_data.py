"""What a study asks of its data is refused where they cannot give it: by search, check and dry runs, before a trial."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from hptune import study, study_data
from hptune.config import study_file, yaml_tree
from hptune.errors import DataError, StudyFileError
from hptune.runs import RunFolder

MOONS = "{source: moons, examples: 60}"
DIGITS = "{source: digits}"


def parsed(data, train, space, **options):
    text = f"data: {data}\ntrain: {train}\nspace: {space}\n"
    return study_file.parse(yaml_tree.parse(text, "s"), (), default_name="s", folder=None, **options)


def refusals(data, train="{}", space="{l2: {low: 0, high: 1}}"):
    """What is wrong with the study file alone."""
    try:
        parsed(data, train, space)
    except StudyFileError as error:
        return [str(problem) for problem in error.problems]
    return []


def problems(data, train="{}", space="{l2: {low: 0, high: 1}}", **options):
    """What only the data tell."""
    config = parsed(data, train, space, **options)
    try:
        study_data.load(config)
    except DataError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("train", "space", "keys"),
    [
        ("{shift: 1}", "{l2: 0.1}", ["train.shift"]),
        ("{flip: true, rotation: 5}", "{l2: 0.1}", ["train.flip", "train.rotation"]),
        ("{}", "{shift: {low: 0, high: 2}}", ["space.shift"]),
        ("{}", "{shift: {type: int, scale: log, low: 1, high: 2}}", ["space.shift"]),
        ("{}", "{flip: {choices: [true, false]}}", ["space.flip"]),
        ("{}", "{rotation: {low: 0, high: 15}}", ["space.rotation"]),
        ("{flip: true}", "{rotation: {low: 0, high: 15, step: 5}}", ["train.flip", "space.rotation"]),
        ("{shift: 0, flip: false, rotation: 0}", "{l2: 0.1}", []),
        ("{input_noise: 0.1}", "{flip: false}", []),
    ],
)
def test_moves_are_for_images_and_all_are_named_at_once(train, space, keys, tmp_path):
    why = "goes only with images, and the data do not say that they are"
    found = refusals(MOONS, train, space)
    assert [line.split(": ")[1:] for line in found] == [[key, why, "remove it"] for key in keys]
    assert [line.split(":")[1] for line in found] == [{"train": "2", "space": "3"}[key[:5]] for key in keys]
    assert problems(DIGITS, train, space) == []
    np.savez(tmp_path / "flat.npz", X=np.random.default_rng(0).normal(size=(40, 4)), y=np.arange(40) % 2)
    found = problems(f"{{path: {tmp_path}/flat.npz}}", train, space)
    hint = "give [height, width] under data.image, or remove it"
    assert [line.split(": ") for line in found] == [["flat.npz", key, why, hint] for key in keys]


def test_a_table_can_be_said_to_hold_images(tmp_path):
    rows = "\n".join(f"{i},{i * i % 7},{i % 5},{i % 3},{'ab'[i % 2]}" for i in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,c,d,y\n{rows}\n")
    table = f"{{path: {tmp_path}/t.csv, target: y%s}}"
    hint = "give [height, width] under data.image, or remove it"
    said = f"train.flip: goes only with images, and the data do not say that they are: {hint}"
    assert refusals(table % "", "{flip: true}") == [f"s:2:9: {said}"]
    assert problems(table % "", "{flip: true}", strict=False) == [f"t.csv: {said}"]  # of a run that is resumed
    assert problems(table % ", image: [2, 2]", "{flip: true}") == []
    (line,) = problems(table % ", image: [2, 2]", "{shift: 2}")
    assert line == "t.csv: train.shift: images of 2 x 2 pixels can be shifted by 1 at most, found 2: lower it"
    assert "by 0 at most" in problems(table % ", image: [1, 4]", "{shift: 1}")[0]
    assert problems(table % ", image: [1, 4]") == []


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        ("{source: moon}", ["data.source"]),
        ("{source: moons, path: a.csv, target: y}", ["data"]),
        ("{path: a.csv, target: y, image: [2]}", ["data.image"]),
        ("{path: 7, target: y}", ["data.path"]),
        ("{path: a.csv}", ["data.target", "train.shift"]),
        ("{path: a.tab, target: y}", ["train.shift"]),
        ("{path: a.npz}", []),
        ("{path: a.npy, labels: b.npy}", []),
    ],
)
def test_data_that_are_wrong_themselves_say_nothing_about_images(data, keys):
    assert [line.split(": ")[1] for line in refusals(data, "{shift: 1}")] == keys


def test_the_largest_shift_of_a_range_counts():
    assert problems(DIGITS, space="{shift: {low: 0, high: 7}}") == []
    for space in ("{low: 0, high: 8}", "{choices: [8, 1, 2]}", "{type: int, scale: log, low: 1, high: 8}", "8"):
        (line,) = problems(DIGITS, space=f"{{shift: {space}}}")
        assert "space.shift: images of 8 x 8 pixels can be shifted by 7 at most, found 8" in line


@pytest.mark.parametrize("command", [["search"], ["search", "--dry-run"], ["check"]], ids=" ".join)
def test_no_command_starts(tmp_path, command):
    (tmp_path / "s.yaml").write_text(f"data: {MOONS}\nspace: {{rotation: {{low: 0, high: 9}}}}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "hptune", *command, "s.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 3
    assert "s.yaml:2:9: space.rotation: goes only with images" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


def test_a_regression_that_was_split_without_its_targets_goes_on_with_that_split(tmp_path):
    config = parsed("{source: sine, examples: 60}", "{}", "{l2: {low: 0, high: 1}}")
    old, new = (study_data.load(config, by_target=by_target) for by_target in (False, True))
    assert old.fingerprint() != new.fingerprint()
    for dataset in (old, new):
        facts = {"data": study.data_facts(dataset)}
        run = SimpleNamespace(folder=RunFolder(tmp_path), facts=facts)
        assert study.same_data(config, run).fingerprint() == dataset.fingerprint()
    other = SimpleNamespace(folder=RunFolder(tmp_path), facts={"data": {**facts["data"], "fingerprint": "0"}})
    with pytest.raises(DataError, match="not the data that"):
        study.same_data(config, other)
