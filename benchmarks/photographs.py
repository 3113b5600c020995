"""What views of photographs lose to colours, place, silhouette and blur: one thing at a time is taken from the truth.

    python benchmarks/photographs.py results/rectified/*.h5 --heatmaps results/heatmaps/small

The files are rectified captures with held-out cameras; true depth is not needed; heatmaps are files of the same names.
Rows: `colours`, gain and offset of each channel fitted on the person; `moved`, by the median of the optical flow (DIS)
from the view to the truth; `mask`, multiplied by the true mask; `flow`, warped by the flow; `one source`, the Gaussians
of one source, and those of both where they leave holes (mean over the sources). `detail` is the energy of the Laplacian
on the person, as a share of the truth's; `inside` the share of the squared error in the box more than 4 px inside.
"""

import argparse
import statistics
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from posegaussian.data.rectified import read_pair, read_target
from posegaussian.evaluation.crops import crop
from posegaussian.io import store
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, weights_path
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.types import Camera, Gaussians, Rendering

INSIDE = 4
"""Pixels inside of the silhouette from which on edges do not count. Chosen by hand: twice the widest edge of a view."""


@torch.no_grad()
def main() -> None:
    """Measure the views of all files, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rectified", type=Path, nargs="+")
    parser.add_argument("--heatmaps", type=Path, help="folder of heatmaps; none: no joints")
    parser.add_argument("--weights", default="release", help="a file, or `release`")
    args = parser.parse_args()
    network, views = load_network(weights_path(args.weights)), []
    for path in args.rectified:
        for name, row in measured(network, path, args.heatmaps):
            views.append(row)
            print(name, "  ".join(f"{key} {value:.2f}" for key, value in row.items()), flush=True)
    print(f"mean of {len(views)}", *(f"{key} {statistics.fmean(row[key] for row in views):.2f}" for key in views[0]))


def measured(network: PoseGaussian, path: Path, heatmaps: Path | None) -> list[tuple[str, dict[str, float]]]:
    """The rows of each held-out view of a file, at its first frame."""
    rows = []
    joints = nullcontext() if heatmaps is None else store.open_checked(heatmaps / path.name, store.HEATMAPS)
    with store.open_checked(path, store.RECTIFIED) as file, joints as pose:
        for target, pair in enumerate(file["targets/pair"][()].tolist()):
            gaussians = network(read_pair(file, pose, pair, 0, network.settings.filmed)).gaussians
            assert gaussians is not None
            rows.append((f"{path.stem} {target}", compared(gaussians, *read_target(file, target, 0))))
    return rows


def compared(gaussians: Gaussians, truth: Tensor, mask: Tensor, camera: Camera) -> dict[str, float]:
    """PSNR in the box of a view and of its corrections, dB."""
    box = crop("bbox", truth[0], mask[0, 0])
    assert box is not None, "nobody is in the view"
    person = mask[0, 0] >= 0.5
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * INSIDE + 1, 2 * INSIDE + 1))
    inside = torch.from_numpy(cv2.erode(person.byte().numpy(), kernel) > 0)
    image = eight_bits(view(gaussians, camera).colors)
    flow = flow_between(truth, image)
    middle = np.broadcast_to(np.median(flow[inside.numpy()], 0), flow.shape)
    squares = (image - truth).square().mean(1)[0]

    def psnr(found: Tensor) -> float:
        return float(-10 * (found.clamp(0, 1) - truth)[0, :, *box].square().mean().log10())

    return {
        "view": psnr(image),
        "colours": psnr(with_colors_of(image, truth, person)),
        "moved": psnr(warped(image, middle)),
        "mask": psnr(image * mask),
        "flow": psnr(warped(image, flow)),
        "one source": statistics.fmean(psnr(alone(gaussians, side, camera, image)) for side in range(2)),
        "detail": detail(image, inside) / detail(truth, inside),
        "inside": float(squares[inside].sum() / squares[*box].sum()),
    }


def view(gaussians: Gaussians, camera: Camera) -> Rendering:
    """The rendering of a batch of one."""
    return rasterize(gaussians, camera, semantics=ANTIALIASED)


def eight_bits(image: Tensor) -> Tensor:
    """The image as files hold it."""
    return (255 * image.clamp(0, 1)).round() / 255


def alone(gaussians: Gaussians, side: int, camera: Camera, both: Tensor) -> Tensor:
    """The view of the Gaussians of one source, and that of both behind it."""
    opacities = gaussians.opacities.clone().unflatten(1, (2, -1))
    opacities[:, 1 - side] = 0
    own = view(replace(gaussians, opacities=opacities.flatten(1)), camera)
    return eight_bits(own.colors) + (1 - own.alphas) * both


def with_colors_of(image: Tensor, truth: Tensor, person: Tensor) -> Tensor:
    """The image whose channels have the gain and offset that fit the truth on the person; the rest as it is."""
    result = image.clone()
    for channel in range(3):
        own = image[0, channel][person]
        terms = torch.stack([own, torch.ones_like(own)], 1)
        fitted = torch.linalg.lstsq(terms, truth[0, channel][person][:, None]).solution
        result[0, channel][person] = (terms @ fitted)[:, 0]
    return result


def flow_between(truth: Tensor, image: Tensor) -> np.ndarray:
    """Where each pixel of the truth lies in the image, less its own place."""
    gray = [cv2.cvtColor(_array(255 * each).astype(np.uint8), cv2.COLOR_RGB2GRAY) for each in (truth, image)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    return search.calc(gray[0], gray[1], np.zeros((*gray[0].shape, 2), np.float32))


def warped(image: Tensor, flow: np.ndarray) -> Tensor:
    """The image sampled at the places that the flow leads to."""
    rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
    places = columns + flow[..., 0].astype(np.float32), rows + flow[..., 1].astype(np.float32)
    return torch.from_numpy(cv2.remap(_array(image), *places, cv2.INTER_CUBIC)).permute(2, 0, 1)[None]


def detail(image: Tensor, inside: Tensor) -> float:
    """The mean square of the Laplacian of an image's brightness."""
    return float((cv2.Laplacian(image[0].mean(0).numpy(), cv2.CV_32F)[inside.numpy()] ** 2).mean())


def _array(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())


if __name__ == "__main__":
    main()
