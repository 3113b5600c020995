"""The person on black for tensors: as for bytes, which is tested against layers that are known."""

import numpy as np
import torch

from posegaussian.geometry import compositing
from posegaussian.geometry.unmixing import background_nearby, person_on_black

SIZE = 64


def scene(softness: float) -> tuple[np.ndarray, np.ndarray]:
    """A disc before noise, and its coverage, in bytes."""
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2
    cover = np.clip((14 - np.hypot(x, y)) / softness + 0.5, 0, 1)
    person, behind = (rng.integers(0, 256, (SIZE, SIZE, 3)) for _ in range(2))
    image = cover[..., None] * person + (1 - cover[..., None]) * behind
    return np.rint(image).astype(np.uint8), np.rint(255 * cover).astype(np.uint8)


def tensors(image: np.ndarray, mask: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(image).permute(2, 0, 1) / 255, torch.from_numpy(mask)[None] / 255


def test_it_is_that_of_bytes_up_to_rounding():
    for softness in (1.0, 3.0, 16.0):  # the widest has soft pixels without background nearby
        image, mask = scene(softness)
        alone = person_on_black(*tensors(image, mask)).permute(1, 2, 0)
        expected = compositing.person_on_black(image, mask)
        assert np.abs(255 * alone.numpy() - expected).max() <= 1, softness


def test_batches_are_images_one_by_one_and_black_stays_black():
    images, masks = (torch.stack(each) for each in zip(*(tensors(*scene(s)) for s in (1.0, 3.0)), strict=True))
    both = person_on_black(images[None], masks[None])
    assert torch.allclose(both[0, 1], person_on_black(images[1], masks[1]), atol=1e-6)
    alone = both[0, 0]
    again = person_on_black(alone, masks[0])
    known = background_nearby(alone, masks[0])[1]
    assert torch.equal(torch.where(known, again, alone), alone), "a person on black is one already"
