"""Samples of other layouts, written by hand after the layouts' own descriptions, without the library."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import helpers
import numpy as np

BENT = (-0.2, 0.05, 0.001, -0.002, 0.01)
RIG = {
    "a": helpers.lens(-12, size=(64, 48), distortion=BENT),
    "b": helpers.lens(10, elevation=5, size=(48, 56), distortion=BENT, offset=(3, -2)),
}
FLAT = {
    "0": helpers.lens(-12, size=(48, 48)),
    "1": helpers.lens(12, size=(48, 48)),
    "3": helpers.lens(0, size=(48, 48)),
}


def pictures(lens: helpers.Lens, frame: int) -> tuple[np.ndarray, ...]:
    """RGB, mask and depth of a lens."""
    return helpers.render(lens, frame, samples=1)


def save(path: Path, pixels: np.ndarray) -> None:
    """Write RGB, grey or 16-bit pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)


def centred(lens: helpers.Lens) -> np.ndarray:
    """Intrinsics with pixel centres at +0.5."""
    return lens.matrix + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def to_world(lens: helpers.Lens) -> np.ndarray:
    """Camera to world, OpenCV's axes."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = lens.rotation.T, lens.centre
    return pose


def write_gps(root: Path, frames: int = 1) -> Path:
    for frame in range(frames):
        for view, lens in FLAT.items():
            image, mask, depth = pictures(lens, frame)
            name = f"0004_{frame:03d}"
            path = root / "img" / name / f"{view}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
            save(root / "mask" / name / f"{view}.png", np.dstack([mask] * 3))
            metres = depth / 1e4
            inverse = np.divide(1, metres, out=np.zeros_like(metres), where=metres > 0)
            save(root / "depth" / name / f"{view}.png", (inverse * 2**15).astype(np.uint16))
            (root / "parm" / name).mkdir(parents=True, exist_ok=True)
            np.save(root / "parm" / name / f"{view}_intrinsic.npy", centred(lens).astype(np.float32))
            extrinsic = np.column_stack([lens.rotation, lens.translation]).astype(np.float32)
            np.save(root / "parm" / name / f"{view}_extrinsic.npy", extrinsic)
    return root


def write_zju(root: Path) -> Path:
    ims = [{"ims": [f"Camera ({name})/{frame:06d}.png" for name in RIG]} for frame in range(3)]
    for frame in range(3):
        for name, lens in RIG.items():
            image, mask, _ = pictures(lens, frame)
            save(root / f"Camera ({name})/{frame:06d}.png", image)
            parts = np.where(mask > 127, 1 + np.indices(mask.shape)[0] // 8, 0).astype(np.uint8)
            save(root / "mask_cihp" / f"Camera ({name})/{frame:06d}.png", parts)
    cams = {
        "K": [lens.matrix for lens in RIG.values()],
        "D": [lens.distortion[:, None] for lens in RIG.values()],
        "R": [lens.rotation for lens in RIG.values()],
        "T": [1000 * lens.translation[:, None] for lens in RIG.values()],
    }
    np.save(root / "annots.npy", np.array({"cams": cams, "ims": ims}, dtype=object), allow_pickle=True)
    return root


def write_nerfstudio(root: Path) -> Path:
    frames = []
    for name, lens in RIG.items():
        for frame in range(2):
            image, mask, depth = pictures(lens, frame)
            save(root / f"images/{name}/frame_{frame:05d}.png", image)
            save(root / f"masks/{name}/frame_{frame:05d}.png", mask)
            save(root / f"depth/{name}/frame_{frame:05d}.png", np.rint(depth / 10).astype(np.uint16))
            k = centred(lens)
            frames.append(
                {
                    "file_path": f"images/{name}/frame_{frame:05d}.png",
                    "mask_path": f"masks/{name}/frame_{frame:05d}.png",
                    "depth_file_path": f"depth/{name}/frame_{frame:05d}.png",
                    "transform_matrix": (to_world(lens) @ np.diag([1, -1, -1, 1])).tolist(),
                    **{"fl_x": k[0, 0], "fl_y": k[1, 1], "cx": k[0, 2], "cy": k[1, 2]},
                    **dict(zip(("k1", "k2", "p1", "p2", "k3"), lens.distortion.tolist(), strict=True)),
                    **{"w": lens.size[0], "h": lens.size[1]},
                }
            )
    (root / "transforms.json").write_text(json.dumps({"camera_model": "OPENCV", "frames": frames}))
    return root


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """wxyz."""
    vector = cv2.Rodrigues(rotation)[0].ravel()
    angle = np.linalg.norm(vector)
    return np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * vector / angle])


def write_colmap(root: Path) -> Path:
    """The text model, as COLMAP's documentation describes it; the model has no k3."""
    sparse = root / "sparse/0"
    sparse.mkdir(parents=True)
    cameras, images = "# Camera list\n", "# Image list\n"
    for number, (name, lens) in enumerate(RIG.items(), start=1):
        k, bent = centred(lens), lens.distortion
        values = [k[0, 0], k[1, 1], k[0, 2], k[1, 2], *bent[:4], bent[4], 0, 0, 0]
        cameras += f"{number} FULL_OPENCV {lens.size[0]} {lens.size[1]} {' '.join(map(repr, map(float, values)))}\n"
        pose = [*quaternion(lens.rotation), *lens.translation]
        images += f"{number} {' '.join(map(repr, map(float, pose)))} {number} {name}.png\n\n"
        image, mask, _ = pictures(lens, 0)
        save(root / f"images/{name}.png", image)
        save(root / f"masks/{name}.png.png", mask)
    (sparse / "cameras.txt").write_text(cameras)
    (sparse / "images.txt").write_text(images)
    (sparse / "points3D.txt").write_text("")
    return root


def write_video(path: Path, lens: helpers.Lens, frames: int = 12) -> None:
    """Lossless, a key frame every five."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"crf": "0", "g": "5", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = *lens.size, "rgb24"
        for frame in range(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pictures(lens, frame)[0]), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def write_toml(root: Path) -> Path:
    text = ""
    for name, lens in RIG.items():
        write_video(root / f"videos/{name}.mp4", lens)
        vector = cv2.Rodrigues(lens.rotation)[0].ravel().tolist()
        text += f'[cam_{name}]\nname = "{name}"\nsize = [{lens.size[0]}.0, {lens.size[1]}.0]\n'
        text += f"matrix = {lens.matrix.tolist()}\ndistortions = {lens.distortion.tolist()}\n"
        text += f"rotation = {vector}\ntranslation = {lens.translation.tolist()}\nfisheye = false\n\n"
    (root / "calibration").mkdir()
    (root / "calibration/Calib_scene.toml").write_text(text + "[metadata]\nadjusted = false\nerror = 0.0\n")
    return root


def write_qca(root: Path) -> Path:
    cameras = ""
    for number, (name, lens) in enumerate(RIG.items()):
        write_video(root / f"videos/Miqus_{number}_{name}.mp4", lens)
        w, h = lens.size
        axes = np.diag([1, -1, -1]) @ lens.rotation  # x right, y up, z backward
        names = [f"r{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)]
        turn = " ".join(f'{key}="{value!r}"' for key, value in zip(names, map(float, axes.ravel()), strict=True))
        place = " ".join(f'{key}="{1000 * value!r}"' for key, value in zip("xyz", map(float, lens.centre), strict=True))
        k, (k1, k2, p1, p2, k3) = (64 * lens.matrix).tolist(), lens.distortion.tolist()
        cameras += f"""<camera active="1" avg-residual="0.4" model="none" serial="{name}" viewrotation="0">
            <fov_video left="0" top="0" right="{w - 1}" bottom="{h - 1}"/><transform {place} {turn}/>
            <intrinsic focalLengthU="{k[0][0]}" focalLengthV="{k[1][1]}" centerPointU="{k[0][2]}"
             centerPointV="{k[1][2]}" skew="0" radialDistortion1="{k1}" radialDistortion2="{k2}"
             radialDistortion3="{k3}" tangentalDistortion1="{p1}" tangentalDistortion2="{p2}"/></camera>"""
    text = f"<?xml version='1.0' encoding='ASCII'?>\n<calibration><cameras>{cameras}</cameras></calibration>"
    (root / "calibration").mkdir()
    (root / "calibration/Calib.qca.txt").write_text(text)
    return root


WRITERS: dict[str, tuple[Callable[[Path], Path], str, dict[str, helpers.Lens]]] = {
    "gps": (write_gps, "gps_gaussian", FLAT),
    "zju": (write_zju, "zju_mocap", {f"Camera_({name})": lens for name, lens in RIG.items()}),
    "nerfstudio": (write_nerfstudio, "nerfstudio", RIG),
    "colmap": (write_colmap, "colmap", RIG),
    "toml": (write_toml, "pose2sim", RIG),
    "qca": (write_qca, "pose2sim", RIG),
}
