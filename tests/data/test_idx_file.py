"""IDX files as MNIST has them: what is read, and what is refused before it is unpacked."""

import contextlib
import gzip
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptune.config import study_file, yaml_tree
from hptune.data.kinds import IDX_TYPES, kind
from hptune.data.loading import load
from hptune.data.settings import DataSettings
from hptune.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 4, 3)).astype("u1")
LABELS = (np.arange(30) % 3).astype("u1")


def idx(array, code=8, shape=None):
    """The bytes of an IDX file."""
    shape = array.shape if shape is None else shape
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + array.astype(IDX_TYPES[code]).tobytes()


def pair(folder, images=None, labels=None, names=("images-idx3-ubyte", "labels-idx1-ubyte")):
    for name, content, default in zip(names, (images, labels), (idx(IMAGES), idx(LABELS)), strict=True):
        (folder / name).write_bytes(default if content is None else content)
    return DataSettings(path=str(folder / names[0]), labels=str(folder / names[1]), split=(0.6, 0.4))


def message(settings):
    with pytest.raises(DataError) as caught:
        load(settings)
    return str(caught.value)


def expected(tmp_path, x=IMAGES, y=LABELS):
    np.savez(tmp_path / "both.npz", X=x.reshape(len(x), -1), y=y)
    dataset = load(DataSettings(path=str(tmp_path / "both.npz"), split=(0.6, 0.4)))
    return dataset.train.x, dataset.train.y


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    "names",
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("images.IDX", "labels.idx.gz"),
        ("images", "labels.bin"),  # known by their content
        ("mnist.gz", "labels.data.gz"),
    ],
)
def test_images_become_flat_whatever_the_files_are_called(tmp_path, names, pack):
    dataset = load(pair(tmp_path, pack(idx(IMAGES)), pack(idx(LABELS)), names))
    x, y = expected(tmp_path)
    np.testing.assert_array_equal(dataset.train.x, x)
    np.testing.assert_array_equal(dataset.train.y, y)
    assert dataset.features == tuple(f"pixel_{row}_{column}" for row in range(4) for column in range(3))
    assert dataset.classes == ("0", "1", "2")


@pytest.mark.parametrize("code", IDX_TYPES)
def test_values_of_every_type_are_read(tmp_path, code):
    images = (IMAGES % 100).astype("f8") - (0 if code == 8 else 50)
    dataset = load(pair(tmp_path, idx(images, code)))
    np.testing.assert_array_equal(dataset.train.x, expected(tmp_path, images)[0])


def test_the_four_files_of_mnist_are_training_and_test(tmp_path):
    settings = pair(tmp_path)
    for name, content in (
        ("t10k-images-idx3-ubyte.gz", idx(IMAGES[:9])),
        ("t10k-labels-idx1-ubyte.gz", idx(LABELS[:9])),
    ):
        (tmp_path / name).write_bytes(gzip.compress(content))
    test = [str(tmp_path / f"t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1")]
    dataset = load(DataSettings(path=settings.path, labels=settings.labels, test=test[0], test_labels=test[1]))
    assert [len(subset) for subset in dataset.subsets()] == [22, 8, 9]
    np.testing.assert_array_equal(dataset.test.x, IMAGES[:9].reshape(9, 12))


def test_rows_and_colour_images_are_read_too(tmp_path):
    assert load(pair(tmp_path, idx(IMAGES[:, 0]))).features == ("x0", "x1", "x2")
    assert len(load(pair(tmp_path, idx(IMAGES[..., None].repeat(3, axis=3)))).features) == 36


def header(*shape, code=8):
    return idx(np.array([]), code, shape)


BAD = {
    "wrong magic": (b"\x89PNG" + b"x" * 99, "begins with the bytes 89 50 4e 47, expected two zero bytes, a type"),
    "wrong type": (b"\0\0\x07\3" + idx(IMAGES)[4:], "begins with the bytes 00 00 07 03"),
    "no dimensions": (b"\0\0\x08\0" + idx(IMAGES)[4:], "begins with the bytes 00 00 08 00"),
    "short": (b"\0\0", "begins with the bytes 00 00, expected"),
    "cut header": (idx(IMAGES)[:9], "the header ends after 5 of 12 bytes for 3 dimensions"),
    "cut": (idx(IMAGES)[:-1], "360 bytes, but the file holds 359: damaged"),
    "too long": (idx(IMAGES) + b"\0", "360 bytes, but the file holds 361: damaged"),
    "no images": (header(0, 28, 28), "X has shape (0, 784): expected at least one"),
    "no pixels": (header(30, 0, 28), "X has shape (30, 0): expected at least one"),
    "huge": (header(2**32 - 1, 28, 28), "more than the limit of 8 GiB"),
    "wide": (header(1, 2**15, 2**15), "more than the limit of 1,000,000 features"),
    "labels": (idx(LABELS), "this looks like labels, which go under data.labels"),
    "NaN": (idx(np.full((30, 2), np.nan), 0x0E), "X has 60 NaN or infinite values"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_explained(tmp_path, case):
    content, phrase = BAD[case]
    settings = pair(tmp_path, content)
    text = message(settings)
    assert text.startswith(f"{settings.path}: ")
    assert phrase in text


def test_bad_labels_are_explained(tmp_path):
    for content, phrase in (
        (idx(IMAGES), "30 x 4 x 3 values, expected one dimension of labels: this looks like what goes under data.path"),
        (idx(LABELS[:9]), "X has 30 rows, y has 9"),
        (idx(LABELS * 0), 'a single class, "0"'),
    ):
        settings = pair(tmp_path, labels=content)
        assert f"{settings.labels}: " in message(settings)
        assert phrase in message(settings)


def test_problems_of_both_files_are_shown_together(tmp_path):
    assert len(message(pair(tmp_path, b"GIF89a", idx(LABELS)[:-1])).splitlines()) == 2


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.99])
def test_truncated_compressed_files_are_damaged(tmp_path, share):
    content = gzip.compress(idx(IMAGES))
    text = message(pair(tmp_path, content[: int(len(content) * share)]))
    assert "damaged or incomplete" in text or share == 0.01  # one byte is not known to be compressed


def test_a_compressed_file_with_a_wrong_checksum_is_damaged(tmp_path):
    content = bytearray(gzip.compress(idx(IMAGES)))
    content[-8] ^= 1
    assert "damaged or incomplete (CRC check failed" in message(pair(tmp_path, bytes(content)))


@pytest.mark.parametrize(("shape", "found"), [((30, 4, 4), "480 bytes of values, it holds 360"), ((30, 4, 2), "240")])
def test_a_compressed_file_that_lies_about_its_size_is_damaged(tmp_path, shape, found):
    assert found in message(pair(tmp_path, gzip.compress(idx(IMAGES, shape=shape))))


def test_a_bomb_is_not_unpacked(tmp_path):
    packer = zlib.compressobj(wbits=31)
    bomb = packer.compress(header(30, 4, 3)) + packer.compress(bytes(300_000_000)) + packer.flush()
    settings = pair(tmp_path, bomb)
    tracemalloc.start()
    text = message(settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "its header promises 360 bytes of values, it holds more" in text
    assert peak < 20_000_000
    assert "limit of 8 GiB" in message(pair(tmp_path, gzip.compress(header(2**31, 28, 28) + bytes(1000))))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_with_one_wrong_byte_is_read_or_refused_but_never_crashes(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([idx(IMAGES), gzip.compress(idx(IMAGES), mtime=0)])))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        load(pair(Path(tmp_path_factory.getbasetemp()), bytes(content)))


def test_other_files_are_not_taken_for_idx(tmp_path):
    for name, content in (
        ("a", b"a,b\n1,2\n"),
        ("b.gz", gzip.compress(b"a,b\n")),
        ("c.gz", b"\x1f\x8b oops"),
        ("d", b""),
    ):
        (tmp_path / name).write_bytes(content)
        assert not kind(str(tmp_path / name))
    assert not kind(str(tmp_path))
    assert not kind("/nowhere/at/all")


def test_the_study_file_takes_the_names_of_mnist():
    text = "data: {path: train-images-idx3-ubyte.gz, labels: train-labels-idx1-ubyte.gz}\nspace: {l2: 1}\n"
    parsed = study_file.parse(yaml_tree.parse(text, "s"), (), default_name="s", folder=None)
    assert parsed.data.labels == "train-labels-idx1-ubyte.gz"


def test_a_kept_study_file_is_read_where_files_known_by_their_content_are_gone():
    text = "data: {path: /gone/images, labels: /gone/labels}\nspace: {l2: 1}\n"
    assert study_file.parse(yaml_tree.parse(text, "s"), (), default_name="s", folder=None).data.labels == "/gone/labels"
