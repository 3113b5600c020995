"""Train the small detector on what tools/make_detector_data.py rendered.

    PYTHONPATH=. .venv-mmpose/bin/python tools/train_detector.py detector_data.h5 -o small.safetensors --steps 6000

MMPose's model and MMPose's loss in a short loop: AdamW, cosine, mean of the weights over time (EMA). The weights are
written whenever they are better on people held out from the data, so that an interrupted run leaves something.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from detector_batches import INPUT, People, load, plain_batch, varied_batch
from mmengine.config import Config  # pyright: ignore[reportMissingImports]
from mmengine.registry import DefaultScope  # pyright: ignore[reportMissingImports]
from safetensors.torch import save_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

CONFIG = Path(__file__).parents[1] / "posegaussian" / "assets" / "detector" / "small.py"


def main() -> None:
    """Train, check, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end sooner, after this time")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--checks", type=int, default=12, help="how often to check on the people held out")
    args = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    people, others = load(args.data, device)
    model = build(args.config).to(device, memory_format=torch.channels_last)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=1e-2)
    start, best, checked = time.monotonic(), 0.0, 0
    print(f"{len(people)} images, {len(others)} held out, {device}", flush=True)
    for step in range(1, args.steps + 1):
        share = max(step / args.steps, (time.monotonic() - start) / args.seconds)
        for group in optimizer.param_groups:
            group["lr"] = (
                args.rate * min(1.0, step / 200) * (1e-3 + 0.5 * (1 + torch.cos(torch.pi * torch.tensor(share))))
            )
        model.train()
        images, heatmaps = varied_batch(people, args.batch)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            maps = model.head(model.backbone(normalized(model, images)))
        loss = model.head.loss_module(maps.float(), heatmaps, torch.ones_like(heatmaps[:, :, 0, 0]))
        optimizer.zero_grad()
        (1000 * loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        averaged.update_parameters(model)
        if share * args.checks >= checked + 1 or share >= 1:
            checked += 1
            found = share_correct(averaged.module, others)
            print(
                f"step {step} {time.monotonic() - start:.0f} s loss {1000 * loss:.3f} PCK@0.05 {found:.4f}", flush=True
            )
            if found >= best:
                best = found
                save(averaged.module, args.output)
        if share >= 1:
            break


def build(path: Path) -> Any:
    """MMPose's model, freshly initialised."""
    import mmpose.models  # noqa: F401  # pyright: ignore[reportMissingImports]  registers the models
    from mmpose.registry import MODELS  # pyright: ignore[reportMissingImports]

    DefaultScope.get_instance("detector", scope_name="mmpose")
    return MODELS.build(Config.fromfile(path).model)


def normalized(model: Any, images: torch.Tensor) -> torch.Tensor:
    """RGB in 0..1 as the model's own preprocessor would hand it on."""
    pre = model.data_preprocessor
    return ((255 * images - pre.mean) / pre.std).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def share_correct(model: Any, people: People, batch: int = 128) -> float:
    """PCK@0.05 of the box's diagonal over all 17 joints, decoded by MMPose."""
    model.eval()
    correct, count = 0.0, 0
    for index in torch.arange(len(people), device=people.images.device).split(batch):
        images, frames = plain_batch(people, index)
        decoded = model.head.decode(model.head(model.backbone(normalized(model, images))))
        points = torch.stack([torch.from_numpy(one.keypoints[0]) for one in decoded]).to(images)
        # MMPose's decoder hands out shares of the window, times the input's size.
        size = torch.tensor([INPUT[1], INPUT[0]]).to(points)
        found = frames.to_image(points / size * (size - 1)) + 0.5
        boxes = people.boxes[index]
        diagonal = torch.linalg.vector_norm(boxes[:, 2:] - boxes[:, :2], dim=1)
        error = torch.linalg.vector_norm(found - people.keypoints[index], dim=2)
        correct += float((error <= 0.05 * diagonal[:, None]).sum())
        count += error.numel()
    return correct / count


def save(model: Any, path: Path) -> None:
    """Write the weights; kernels as float16, the rest (means and variances among it) as float32."""
    state = {name: value.half() if value.ndim == 4 else value for name, value in model.state_dict().items()}
    save_file({name: value.contiguous().cpu() for name, value in state.items()}, path, {"format": "pt"})


if __name__ == "__main__":
    main()
