"""What a study asks of its data is refused where they cannot give it: by search, check and dry runs, before a trial."""

import subprocess
import sys

import pytest

from hptune import study_data
from hptune.config import study_file, yaml_tree
from hptune.errors import DataError

MOONS = "{source: moons, examples: 60}"
DIGITS = "{source: digits}"


def problems(data, train="{}", space="{l2: {low: 0, high: 1}}"):
    text = f"data: {data}\ntrain: {train}\nspace: {space}\n"
    config = study_file.parse(yaml_tree.parse(text, "s"), (), default_name="s", folder=None)
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
def test_moves_are_for_images_and_all_are_named_at_once(train, space, keys):
    found = problems(MOONS, train, space)
    assert [line.split(": ")[:2] for line in found] == [["moons", key] for key in keys]
    assert all("goes only with images" in line and line.endswith(": remove it") for line in found)
    assert problems(DIGITS, train, space) == []


def test_a_table_can_be_said_to_hold_images(tmp_path):
    rows = "\n".join(f"{i},{i * i % 7},{i % 5},{i % 3},{'ab'[i % 2]}" for i in range(40))
    (tmp_path / "t.csv").write_text(f"a,b,c,d,y\n{rows}\n")
    table = f"{{path: {tmp_path}/t.csv, target: y%s}}"
    (line,) = problems(table % "", "{flip: true}")
    hint = "give [height, width] under data.image, or remove it"
    assert line == f"t.csv: train.flip: goes only with images, and the data do not say that they are: {hint}"
    assert problems(table % ", image: [2, 2]", "{flip: true}") == []
    (line,) = problems(table % ", image: [2, 2]", "{shift: 2}")
    assert line == "t.csv: train.shift: images of 2 x 2 pixels can be shifted by 1 at most, found 2: lower it"
    assert "by 0 at most" in problems(table % ", image: [1, 4]", "{shift: 1}")[0]
    assert problems(table % ", image: [1, 4]") == []


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
    assert "moons: space.rotation: goes only with images" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]
