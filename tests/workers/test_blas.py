"""Which BLAS kernels are asked for, by what Linux says of the processor."""

import os
import subprocess
import sys

import pytest

from hptune.workers.blas import KERNELS, NEEDED, ONE_THREAD, environment

FLAGS = " ".join(sorted({"fpu", "avx2", *NEEDED}))
ZEN_5 = f"processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nflags\t\t: {FLAGS}\n"


@pytest.fixture(autouse=True)
def _no_kernels_named(monkeypatch):
    monkeypatch.delenv(KERNELS, raising=False)


def asked(tmp_path, text):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)
    return environment(cpuinfo)


def test_amd_with_avx512_gets_its_kernels(tmp_path):
    assert asked(tmp_path, ZEN_5 + "\nprocessor\t: 1\n") == {**ONE_THREAD, "OPENBLAS_CORETYPE": "SkylakeX"}


@pytest.mark.parametrize(
    "text",
    [
        ZEN_5.replace("AuthenticAMD", "GenuineIntel"),  # OpenBLAS knows those
        ZEN_5.replace("avx512bw", "avx"),  # a kernel would stop at an illegal instruction
        "processor\t: 0\n\n" + ZEN_5,  # another processor's
        "vendor_id : AuthenticAMD",
        "",
    ],
)
def test_others_keep_what_openblas_chooses(tmp_path, text):
    assert asked(tmp_path, text) == ONE_THREAD


def test_without_linux_nothing_is_known(tmp_path):
    assert environment(tmp_path / "none") == ONE_THREAD


def test_what_the_user_names_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv(KERNELS, "Haswell")
    assert asked(tmp_path, ZEN_5)[KERNELS] == "Haswell"


def test_the_processor_of_this_machine_can_do_what_is_asked_for():
    """An instruction that it has not would end the process."""
    product = "import numpy as np; a = np.ones((65, 65), np.float32); assert (a @ a == 65).all()"
    subprocess.run([sys.executable, "-c", product], env={**os.environ, **environment()}, check=True)
