"""What a range of the settings says is drawn evenly from it, a single number always; what is off is exactly off."""

from dataclasses import fields

import helpers
import numpy as np
import pytest
import torch
from scipy import stats

from posegaussian import config
from posegaussian.config import REALISTIC_SENSOR, LightSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.synthetic.dataset import stereo_scene
from posegaussian.synthetic.renderer.lights import draw_lights
from posegaussian.synthetic.rigs.rig import Arc, draw_arc
from posegaussian.synthetic.sensors.development import draw_development
from posegaussian.synthetic.sensors.sensor import Sensor, draw_sensors

DRAWS = 500
PERSON = np.array([[x, y, z] for x in (-0.3, 0.3) for y in (-0.2, 0.2) for z in (0.0, 1.7)])


def even(values, bounds: tuple[float, float]) -> None:
    """Values fill their bounds evenly (Kolmogorov and Smirnov's test), and keep them."""
    low, high = bounds
    slack = 1e-5 * (high - low)
    assert low - slack <= min(values) and max(values) <= high + slack
    assert stats.kstest(values, "uniform", (low, high - low)).pvalue > 1e-3


def drawn_sensors(seed: int, settings: SensorSettings, frames: int) -> Sensor:
    """Sensors of two cameras."""
    rng = np.random.default_rng(seed)
    return draw_sensors(rng, settings, draw_development(rng, settings, False), frames, 2)


def lights(settings: LightSettings) -> dict[str, list[float]]:
    """What each setting became, in many draws."""
    found: dict[str, list[float]] = {field.name: [] for field in fields(LightSettings) if field.name != "linear"}
    for seed in range(DRAWS):
        light = draw_lights(np.random.default_rng(seed), settings)
        found["lamps"].append(len(light.directions))
        found["key"].append(float(light.strengths[0, 1]))
        found["fill"] += light.strengths[1:, 1].tolist()
        found["ambient"].append(float(light.ambient[1]))
        found["warmth"].append(float(light.ambient[0] / light.ambient[1] - 1))
        found["softness"].append(float(light.softness))
        found["background"].append(float(light.background[0]))
        assert light.directions[:, 2].min() > 0  # lamps stand above
        np.testing.assert_allclose(light.directions.norm(dim=1), 1, atol=1e-6)
    return found


def sensors(settings: SensorSettings) -> dict[str, list[float]]:
    """What each setting became, in many draws of two cameras, which must not depend on each other."""
    found: dict[str, list[float]] = {"exposure": [], "white_balance": []}
    pairs = []
    for seed in range(DRAWS // 2):
        sensor = drawn_sensors(seed, settings, 3)
        assert torch.equal(sensor.gain[:2], sensor.gain[4:])  # a camera keeps its ways
        assert len(set(sensor.seed.tolist())) == 6  # but for the noise
        gain = sensor.gain[:2].double()
        found["exposure"] += gain[:, 1].log2().tolist()
        found["white_balance"] += (gain[:, 0] / gain[:, 1] - 1).tolist()
        for name in ("gamma", "noise", "defocus", "jpeg"):
            found.setdefault(name, []).extend(getattr(sensor, name)[:2].tolist())
        pairs.append(sensor.gamma[:2].tolist())
    if settings.gamma[0] < settings.gamma[1]:
        assert abs(np.corrcoef(np.array(pairs).T)[0, 1]) < 0.2
    return found


def test_light_fills_its_ranges():
    settings = LightSettings()
    found = lights(settings)
    counts = np.bincount(found.pop("lamps"), minlength=6)
    assert counts.nonzero()[0].tolist() == [2, 3, 4]
    assert stats.chisquare(counts[2:5]).pvalue > 1e-3
    for name, values in found.items():
        even(values, getattr(settings, name))


def test_sensors_fill_their_ranges():
    for name, values in sensors(REALISTIC_SENSOR).items():
        even(values, getattr(REALISTIC_SENSOR, name))


def test_rigs_fill_their_ranges(monkeypatch):
    rig, asked, rolls = RigSettings(), [], []
    place, look_at = Arc.place, stereo_scene.look_at
    monkeypatch.setattr(Arc, "place", lambda arc, *angles: asked.append(angles) or place(arc, *angles))
    monkeypatch.setattr(stereo_scene, "look_at", lambda *args: rolls.append(args[2]) or look_at(*args))
    ratios, above, principal = [], [], []
    for seed in range(DRAWS):
        scene = stereo_scene.draw_stereo_scene(np.random.default_rng(seed), StreamSettings(rig=rig), PERSON)
        ratios.append(asked[-1][0] / scene.baseline + 0.5)
        above.append(asked[-1][1])
        principal.append(float((scene.target.intrinsics[:2, 2].double() / 1024 - 0.5).norm()))
    arcs = [draw_arc(np.random.default_rng(seed), rig, np.zeros(3)) for seed in range(DRAWS)]
    middles = np.array([arc.middle for arc in arcs])
    even(ratios, rig.between_cameras)
    even(above, rig.above)
    even(rolls, rig.roll)
    even(principal, (0.0, rig.principal[1]))
    even([arc.radius for arc in arcs], rig.radius)
    even(np.degrees(np.arcsin(middles[:, 2])), rig.pitch)
    even(np.degrees(np.arctan2(middles[:, 0], -middles[:, 1])), rig.azimuth)


def test_single_numbers_are_always_taken():
    light = config.parse(
        LightSettings,
        {"lamps": 3, "key": 0.7, "fill": 0.2, "ambient": 0.5, "warmth": 0.05, "softness": 0.04, "background": 0.3},
    )
    for name, values in lights(light).items():
        np.testing.assert_allclose(values, getattr(light, name)[0], rtol=1e-5)
    taken = {"exposure": 0.5, "white_balance": 0.1, "gamma": 0.9, "noise": 0.01, "defocus": 0.7, "jpeg": 80}
    for name, values in sensors(config.parse(SensorSettings, taken)).items():
        np.testing.assert_allclose(values, taken[name], rtol=1e-5)


def test_what_is_off_changes_nothing():
    images = torch.rand((2, 3, 20, 24), generator=torch.Generator().manual_seed(0))
    sensor = drawn_sensors(0, SensorSettings(), 1)
    assert torch.equal(sensor.apply(images), (255 * images).round() / 255)


@pytest.mark.parametrize(
    "name", ["metering", "white", "contrast", "exposure", "white_balance", "gamma", "noise", "defocus", "jpeg"]
)
def test_what_is_on_changes_pictures(name):
    images = torch.rand((2, 3, 20, 24), generator=torch.Generator().manual_seed(0))
    on = {
        "metering": 1,
        "white": 4,
        "contrast": 1,
        "exposure": 0.3,
        "white_balance": 0.1,
        "gamma": 0.8,
        "noise": 0.05,
        "defocus": 1.5,
        "jpeg": 60,
    }[name]
    sensor = drawn_sensors(0, config.parse(SensorSettings, {name: on}), 1)
    assert abs(sensor.apply(images) - images).mean() > 0.01


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"light": {"lamps": [0, 2]}}, "light.lamps"),
        ({"light": {"key": [0.8, 0.4]}}, "light.key"),
        ({"light": {"softness": [-0.1, 0.1]}}, "light.softness"),
        ({"light": {"warmth": "warm"}}, "light.warmth"),
        ({"sensor": {"noise": [0, 0.9]}}, "sensor.noise"),
        ({"sensor": {"metering": 2}}, "sensor.metering"),
        ({"sensor": {"white": 0.5}}, "sensor.white"),
        ({"light": {"linear": 3}}, "light.linear"),
        ({"sensor": {"defocus": -1}}, "sensor.defocus"),
        ({"sensor": {"exposure": [0, 1, 2]}}, "sensor.exposure"),
        ({"sensor": {"blur": 1}}, "sensor.blur"),
    ],
)
def test_impossible_light_and_sensors_are_one_line(values, key):
    with helpers.refuses(ConfigError, "invalid-settings") as error:
        config.parse(StreamSettings, values)
    assert key in error.value.what
