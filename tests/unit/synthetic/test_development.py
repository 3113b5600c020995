"""Metering, white balance and tone curves against closed forms; what is off leaves every bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posegaussian.config import SensorSettings, StreamSettings
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.renderer.render import RenderedColours
from posegaussian.synthetic.sensors.development import LUMA, draw_development
from posegaussian.synthetic.sensors.sensor import draw_sensors

PLAIN = SensorSettings()
METERED = SensorSettings(metering=(1, 1), metered=(0.18, 0.18))


def developed(settings=PLAIN, linear=False, seed=0):
    return draw_development(np.random.default_rng(seed), settings, linear)


def noise(*shape, scale=1.0):
    return scale * torch.rand(shape, generator=torch.Generator().manual_seed(0))


def luminance(images):
    return (images.double() * torch.tensor(LUMA).view(3, 1, 1)).sum(1)


def test_what_is_off_leaves_every_bit():
    images, off = noise(1, 3, 30, 40, scale=3.0), developed()
    assert torch.equal(off.encoded(images), images) and torch.equal(off.gains(images), torch.ones(1, 3))
    rendered = RenderedColours(images * 0.75, torch.full((1, 1, 30, 40), 0.75))
    assert torch.equal(off.developed(rendered, off.gains(images)).colours, rendered.colours)


@pytest.mark.parametrize("brightness", [0.01, 0.4, 5.0])
def test_the_mean_of_a_metered_image_is_the_target(brightness):
    images = noise(1, 3, 30, 40, scale=brightness)
    for settings in (METERED, replace(METERED, grey_world=(1, 1))):
        exposed = images * developed(settings).gains(images)[:, :, None, None]
        assert luminance(exposed).mean() == pytest.approx(0.18, rel=1e-5)
    halfway = images * developed(replace(METERED, metering=(0.5, 0.5))).gains(images)[:, :, None, None]
    assert luminance(halfway).mean() == pytest.approx((0.18 * float(luminance(images).mean())) ** 0.5, rel=1e-5)


def test_grey_world_makes_the_mean_grey_and_keeps_its_luminance():
    images = noise(1, 3, 30, 40) * torch.tensor([0.9, 0.5, 0.3]).view(3, 1, 1)
    balanced = images * developed(SensorSettings(grey_world=(1, 1))).gains(images)[:, :, None, None]
    means = balanced.mean((0, 2, 3))
    assert (means / means.mean()).numpy() == pytest.approx(1, rel=1e-5)
    assert luminance(balanced).mean() == pytest.approx(float(luminance(images).mean()), rel=1e-5)


def test_centre_weighted_metering_follows_the_middle():
    images = torch.full((1, 3, 40, 40), 0.1)
    images[:, :, 10:30, 10:30] = 0.8
    even, middle = (developed(replace(METERED, centre=(c, c))).gains(images) for c in (0.0, 1.0))
    assert even.numpy() == pytest.approx(0.18 / (0.25 * 0.8 + 0.75 * 0.1), rel=1e-5)
    # Within one standard deviation lies erf(1 / sqrt 2) of the truncated Gaussian's erf(2 / sqrt 2), along each axis.
    inside = (0.68269 / 0.95450) ** 2
    assert middle.numpy() == pytest.approx(0.18 / (inside * 0.8 + (1 - inside) * 0.1), rel=5e-3)


def test_tone_curves_keep_black_and_white():
    levels = torch.tensor([0.0, 0.18, 0.5, 1.0, 4.0])
    curve = lambda settings, linear: developed(settings, linear).encoded(levels.expand(1, 3, 1, -1))[0, 0, 0]  # noqa: E731
    linear = curve(SensorSettings(), True)
    assert linear[:4].numpy() == pytest.approx([0, 0.46136, 0.73536, 1], abs=1e-4)
    film = curve(SensorSettings(white=(4, 4)), True)
    assert film[4] == pytest.approx(1, abs=1e-5) and film[3] < 0.8 and (film.diff() > 0).all()
    steep = curve(SensorSettings(contrast=(1, 1)), False)
    assert steep[:4].numpy() == pytest.approx([0, 0.18**2 * (3 - 0.36), 0.5, 1], abs=1e-6)


def test_a_half_covered_pixel_shows_half_of_the_developed_colour():
    """The colour of an edge is developed before it is multiplied by the coverage."""
    colour = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1)
    whole = RenderedColours(colour, torch.ones(1, 1, 1, 1))
    half = RenderedColours(colour / 2, torch.full((1, 1, 1, 1), 0.5))
    scene, settings = noise(1, 3, 8, 8), replace(METERED, white=(2, 2))
    full, edge = (
        developed(settings, True).developed(each, developed(settings).gains(scene)).colours for each in (whole, half)
    )
    torch.testing.assert_close(edge, full / 2)
    torch.testing.assert_close(
        full, developed(settings, True).encoded(colour * developed(settings).gains(scene)[:, :, None, None])
    )


def test_cameras_of_a_rig_are_of_one_make_and_other_draws_do_not_shift():
    settings = replace(METERED, metered=(0.1, 0.3), white=(1, 8), exposure=(-1, 1), noise=(0, 0.1))
    plain = replace(SensorSettings(), exposure=(-1, 1), noise=(0, 0.1))
    drawn = []
    for each in (settings, plain):
        rng = np.random.default_rng(3)
        drawn.append(draw_sensors(rng, each, draw_development(rng, each, False), 2, 3))
    assert torch.equal(drawn[0].gain, drawn[1].gain) and torch.equal(drawn[0].seed, drawn[1].seed)
    assert len(set(drawn[0].development.metered.tolist())) == 1 and len(set(drawn[0].gain[:3, 1].tolist())) == 3
    targets = [float(draw_development(np.random.default_rng(i), settings, False).metered) for i in range(50)]
    assert 0.1 <= min(targets) < 0.14 and 0.26 < max(targets) <= 0.3


def test_streamed_images_are_as_bright_as_metering_says(subject):
    settings = StreamSettings(size=(96, 96), target_size=(96, 96), sensor=METERED)
    settings = replace(settings, light=replace(settings.light, linear=True, background=(0.5, 0.5)))
    metered = render_clip(subject, np.random.default_rng(0), settings, 1)
    plain = render_clip(subject, np.random.default_rng(0), replace(settings, sensor=SensorSettings()), 1)
    # A grey wall of 0.5 (0.21 in linear light) fills most of the image, so metering at 0.18 makes all a little darker.
    assert 0.75 < float(metered.target.sum() / plain.target.sum()) < 1
    assert (metered.target <= metered.target_mask + 1e-6).all()
