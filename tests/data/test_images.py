"""Which rows are images: said by the file or by data.image, and the same for train, dev and test."""

import struct

import numpy as np
import pytest

from hptune.config import study_file, yaml_tree
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.errors import DataError, StudyFileError

GREY = np.random.default_rng(0).integers(0, 256, (30, 4, 3)).astype("u1")
COLOUR = np.random.default_rng(1).integers(0, 256, (30, 4, 5, 3)).astype("u1")
LABELS = (np.arange(30) % 3).astype("u1")


def save(folder, x, kind, name="train"):
    """Settings of a file of X, with its labels."""
    path, labels = folder / f"{name}.{kind}", folder / f"{name}-y.{kind}"
    y = LABELS[: len(x)]
    if kind == "npz":
        np.savez(path, X=x, y=y)
        return str(path), None
    if kind == "csv":
        columns = ",".join(f"p{i}" for i in range(x[0].size))
        lines = [",".join(map(str, [*row.ravel(), label])) for row, label in zip(x, y, strict=True)]
        path.write_text("\n".join([f"{columns},y", *lines]) + "\n")
        return str(path), None
    for array, file in ((x, path), (y, labels)):
        if kind == "npy":
            np.save(file, array)
        else:
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            file.write_bytes(header + array.tobytes())
    return str(path), str(labels)


def settings(folder, x, kind, **others):
    path, labels = save(folder, x, kind)
    target = "y" if kind == "csv" else None
    return DataSettings(path=path, labels=labels, target=target, **others)


def message(given):
    with pytest.raises(DataError) as caught:
        load(given)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["npz", "npy", "idx"])
@pytest.mark.parametrize(
    ("x", "image", "last"),
    [(GREY, (4, 3, 1), "pixel_3_2"), (COLOUR, (4, 5, 3), "x59"), (GREY.reshape(30, 12), None, "x11")],
    ids=["grey", "colour", "flat"],
)
def test_arrays_say_it_themselves_and_become_flat(tmp_path, kind, x, image, last):
    found = load(settings(tmp_path, x, kind, split=(0.6, 0.4)))
    assert found.image == image
    assert found.features[-1] == last
    flat = load(settings(tmp_path, x.reshape(30, -1), kind, split=(0.6, 0.4)))
    np.testing.assert_array_equal(found.train.x, flat.train.x)
    assert found.train.x.flags.c_contiguous


def test_images_in_fortran_order_are_read_row_by_row(tmp_path):
    found = load(settings(tmp_path, np.asfortranarray(COLOUR), "npz", split=(0.6, 0.4)))
    np.testing.assert_array_equal(found.train.x, load(settings(tmp_path, COLOUR, "npz", split=(0.6, 0.4))).train.x)


def test_the_built_in_digits_are_images_and_generated_sets_are_none():
    assert load(DataSettings(source="digits")).image == (8, 8, 1)
    assert load(DataSettings(source="moons")).image is None


def test_fingerprints_are_those_that_they_were_before_there_were_images():
    digits = load(DataSettings(source="digits")).fingerprint()
    assert digits == "051c25cbadf59eef959544cd64292b85f0ab65510e7c68744ebd9780675bc2cd"


@pytest.mark.parametrize("kind", ["csv", "npz", "npy", "idx"])
@pytest.mark.parametrize("image", [(4, 3, 1), (2, 2, 3)])
def test_rows_are_images_where_the_study_file_says_so(tmp_path, kind, image):
    flat = GREY.reshape(30, 12)
    without, found = load(settings(tmp_path, flat, kind)), load(settings(tmp_path, flat, kind, image=image))
    assert (without.image, found.image) == (None, image)
    assert found.fingerprint() == without.fingerprint()


def test_a_shape_that_does_not_fit_is_refused_with_both_numbers(tmp_path):
    text = message(settings(tmp_path, GREY.reshape(30, 12), "csv", image=(28, 28, 1)))
    assert text.startswith(f"{tmp_path}/train.csv: data.image: 28 x 28 makes 784 pixels, but a row has 12 features")
    text = message(settings(tmp_path, GREY.reshape(30, 12), "npz", image=(2, 3, 3)))
    assert "2 x 3 x 3 makes 18 pixels, but a row has 12 features" in text


@pytest.mark.parametrize("kind", ["npz", "npy", "idx"])
def test_a_shape_that_the_file_already_has_is_refused(tmp_path, kind):
    text = message(settings(tmp_path, GREY, kind, image=(4, 3, 1)))
    assert f"{tmp_path}/train.{kind}: data.image: its images are 4 x 3, as it says itself: remove the key" in text


@pytest.mark.parametrize("kind", ["npz", "npy", "idx"])
def test_dev_and_test_must_agree(tmp_path, kind):
    dev, dev_labels = save(tmp_path, GREY.transpose(0, 2, 1).copy()[:9], kind, "dev")
    test, test_labels = save(tmp_path, GREY[:6].reshape(6, 2, 2, 3), kind, "test")
    apart = {"dev": dev, "test": test, "dev_labels": dev_labels, "test_labels": test_labels}
    for x, said in ((GREY, None), (GREY.reshape(30, 12), (4, 3, 1))):
        assert message(settings(tmp_path, x, kind, image=said, **apart)).splitlines() == [
            f"{dev}: X has images of 3 x 4, expected 4 x 3 as for training",
            f"{test}: X has images of 2 x 2 x 3, expected 4 x 3 as for training",
        ]
    save(tmp_path, GREY[:9], kind, "dev")
    save(tmp_path, GREY[:6].reshape(6, 12), kind, "test")  # flat: says nothing else
    assert load(settings(tmp_path, GREY, kind, **apart)).image == (4, 3, 1)


def test_colour_with_its_channels_first_is_no_image_in_an_idx_file_and_refused_in_others(tmp_path):
    first = np.ascontiguousarray(np.random.default_rng(1).integers(0, 256, (30, 3, 8, 9)).astype("u1"))
    assert load(settings(tmp_path, first, "idx", split=(0.6, 0.4))).image is None
    for kind in ("npz", "npy"):
        assert "(30, 3, 8, 9), which looks like images with their channels first" in message(
            settings(tmp_path, first, kind)
        )


def study(text):
    root = yaml_tree.parse(f"data: {text}\nspace: {{l2: 1}}\n", "s")
    return study_file.parse(root, (), default_name="s", folder=None)


def test_the_study_file_knows_image():
    table = "{path: x.csv, target: y, image: %s}"
    assert study(table % "[28, 28]").data.image == (28, 28, 1)
    found = study(table % "[32, 30, 3]")
    assert found.data.image == (32, 30, 3)
    assert DataSettings.from_json(found.data.to_json()) == found.data
    again = study_file.parse(yaml_tree.parse(found.to_yaml(), "s"), (), default_name="s", folder=None)
    assert again == found
    for text, phrase in (
        (table % "28", "data.image: expected [height, width] or [height, width, channels]"),
        (table % "[28]", "data.image: expected [height, width]"),
        (table % "[1, 2, 3, 4]", "data.image: expected [height, width]"),
        (table % "[28, 0]", "data.image: expected a whole number from 1 to 1,000,000, found 0"),
        (table % "[2.5, 28]", "data.image: expected a whole number"),
        ("{source: digits, image: [8, 8]}", "data.image: goes only with path"),
    ):
        with pytest.raises(StudyFileError) as caught:
            study(text)
        assert phrase in str(caught.value)
        assert len(caught.value.problems) == 1
