"""An interactive viewer of splats in the browser, through viser (extra `viewer`)."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from posegaussian.io.ply import read_ply
from posegaussian.pipeline.export import splat_files


def serve(source: Path, host: str, port: int) -> Any:
    """A viewer of one .ply, or of a folder of them with a slider over the files.

    Returns:
        The running viser server.

    Raises:
        ImportError: viser is not installed.
        UserError: there is no .ply.
    """
    files = splat_files(source)
    import viser  # pyright: ignore[reportMissingImports]

    server = viser.ViserServer(host=host, port=port)
    server.scene.set_up_direction("+z")
    middle = viser_splats(files[0])["centers"].mean(0)
    server.initial_camera.look_at = middle
    server.initial_camera.position = middle + np.array([0.0, -2.5, 0.0])  # metres: the whole person is visible

    def show(index: int) -> None:
        server.scene.add_gaussian_splats("/person", **viser_splats(files[index]))

    show(0)
    if len(files) > 1:
        slider = server.gui.add_slider("file", min=0, max=len(files) - 1, step=1, initial_value=0)
        slider.on_update(lambda _: show(int(slider.value)))
    return server


def viser_splats(path: Path) -> dict[str, np.ndarray]:
    """A .ply as viser's arguments: centers (n, 3), covariances (n, 3, 3) in m², rgbs (n, 3), opacities (n, 1)."""
    gaussians = read_ply(path)
    rotation = Rotation.from_quat(gaussians.quaternions.numpy(), scalar_first=True).as_matrix()
    axes = rotation * gaussians.scales.numpy()[:, None, :]
    return {
        "centers": gaussians.means.numpy(),
        "covariances": (axes @ axes.transpose(0, 2, 1)).astype(np.float32),
        "rgbs": gaussians.colors.clamp(0, 1).numpy(),
        "opacities": gaussians.opacities.numpy()[:, None],
    }


def view(source: Path, host: str, port: int) -> None:
    """Serve the viewer until interrupted."""
    serve(source, host, port)
    while True:
        time.sleep(1)
