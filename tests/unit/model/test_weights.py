import json
from dataclasses import replace

import helpers
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from posegaussian.config import NetworkSettings
from posegaussian.errors import WeightsError
from posegaussian.model.constants import DEFAULTS, InferenceConstants
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, load_weights, module_names, read_metadata, save_weights


def test_round_trip(tmp_path, make_plane):
    network = PoseGaussian(NetworkSettings(iterations=2, stabilizer=False)).eval()
    path = tmp_path / "deep" / "w.safetensors"
    save_weights(network, path, {"stage": "depth"})
    loaded = load_network(path)
    assert loaded.settings == network.settings and not loaded.training
    assert read_metadata(path)["stage"] == "depth"
    pair = make_plane(64, 64, disparity=20)
    with torch.no_grad():
        assert torch.equal(loaded(pair).disparity, network(pair).disparity)
    again = tmp_path / "again.safetensors"
    save_weights(loaded, again, {"stage": "depth"})
    assert again.read_bytes() == path.read_bytes()
    assert sorted(p.name for p in path.parent.iterdir()) == ["w.safetensors"]


@pytest.mark.parametrize("name", ["PoseGaussian_stage2.pth", "model.ckpt"])
def test_pickles_are_refused_unread(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the file was unpickled",))

    path = tmp_path / name
    torch.save({"network": Trap()}, path)
    with helpers.refuses(WeightsError, "pickled-weights", file=path):
        load_network(path)


def test_missing_foreign_damaged_and_misfit_weights(tmp_path):
    with helpers.refuses(WeightsError, "missing-weights", file="none.safetensors"):
        load_network(tmp_path / "none.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(2)}, foreign)
    with helpers.refuses(WeightsError, "foreign-weights", file=foreign):
        load_network(foreign)
    damaged = tmp_path / "damaged.safetensors"
    save_weights(PoseGaussian(NetworkSettings()), damaged, {})
    fused = tmp_path / "fused.safetensors"
    fused.write_bytes(damaged.read_bytes())
    damaged.write_bytes(damaged.read_bytes()[:5000])
    with helpers.refuses(WeightsError, "unreadable-weights", file=damaged):
        load_network(damaged)
    with helpers.refuses(WeightsError, "weights-mismatch", file=fused):
        load_weights(PoseGaussian(NetworkSettings(pose="none")), fused)


def test_parts_that_a_file_lacks_keep_their_values_if_wanted(tmp_path):
    old, new = PoseGaussian(NetworkSettings()), PoseGaussian(NetworkSettings())
    del old.color_encoder.to_thirtysecond
    save_weights(old, tmp_path / "old.safetensors", {})
    with helpers.refuses(WeightsError, "weights-mismatch", file="old.safetensors"):
        load_weights(new, tmp_path / "old.safetensors")
    before = new.color_encoder.to_thirtysecond[1].weight.clone()
    missing = load_weights(new, tmp_path / "old.safetensors", partly=True)
    assert module_names(missing) == ["color_encoder.to_thirtysecond"]
    assert torch.equal(new.color_encoder.to_thirtysecond[1].weight, before)
    assert torch.equal(new.head.join.weight, old.head.join.weight)
    save_weights(new, tmp_path / "new.safetensors", {})
    with helpers.refuses(WeightsError, "weights-mismatch", file="new.safetensors"):
        load_weights(old, tmp_path / "new.safetensors", partly=True)


@pytest.fixture
def other_constants():
    """Constants that differ from the defaults enough to change the outputs."""
    head, *others = DEFAULTS.prior.capsules
    prior = replace(DEFAULTS.prior, skin_offset=0.02, capsules=(replace(head, radius=0.1), *others))
    return InferenceConstants(prior, replace(DEFAULTS.temporal_filter, max_weight=0.5))


@torch.no_grad()
def outputs(network, pair):
    """Disparities of a frame and of the next one, which has more noise, and the last state."""
    noise = 0.02 * torch.rand(pair.images.shape, generator=torch.Generator().manual_seed(0))
    first = network(pair, depth_only=True)
    second = network(replace(pair, images=pair.images + pair.masks * noise), first.state, depth_only=True)
    return first.disparity, second.disparity, second.state


def same(one, other):
    return all(torch.equal(*values) for values in zip(one, other, strict=True))


OLD_NAMES = {
    "color_encoder.": "color.",
    "head.residual.": "head.refine.",
    "pose_branch.to_quarter.": "pose.lift.",
    "pose_branch.capsules.": "pose.limbs.",
    "pose_branch.stabilizer.stillness.": "pose.stabilizer.rest.",
    "pose_branch.": "pose.",
    "stereo.motion_encoder.first.": "stereo.motion.look.",
    "stereo.motion_encoder.second.": "stereo.motion.mix.",
    "stereo.refinement.join.": "stereo.polish.look.",
    "stereo.refinement.from_hidden.": "stereo.polish.recall.",
    "stereo.refinement.delta_head.": "stereo.polish.step.",
    "stereo.refinement.residual.": "stereo.polish.think.",
    "stereo.refinement.": "stereo.polish.",
    "stereo.initial_hidden.": "stereo.start.",
    "stereo.delta_head.": "stereo.step.",
    "stereo.prior_correction.": "stereo.surface.",
}
"""Prefixes of tensor names, and what they were in the files of the first version."""


@pytest.fixture
def old_file(tmp_path):
    """A file as the first version wrote it, without constants, and the network in it."""
    network, path = PoseGaussian(NetworkSettings(iterations=1)).eval(), tmp_path / "new.safetensors"
    save_weights(network, path, {})
    entries = {name: value for name, value in read_metadata(path).items() if name != "constants"}
    tensors = {}
    for name, value in network.state_dict().items():
        new = next((new for new in OLD_NAMES if name.startswith(new)), "")
        tensors[OLD_NAMES.get(new, "") + name.removeprefix(new)] = value
    save_file(tensors, tmp_path / "old.safetensors", {"posegaussian": json.dumps(entries)})
    return tmp_path / "old.safetensors", network


def test_files_without_constants_get_the_defaults(old_file, make_plane, other_constants):
    (path, network), pair = old_file, make_plane(64, 96, disparity=12)
    loaded = load_network(path)
    assert loaded.constants == DEFAULTS
    filled = PoseGaussian(loaded.settings, other_constants).eval()
    load_weights(filled, path)
    assert filled.constants == DEFAULTS and same(outputs(filled, pair), outputs(network, pair))


def test_files_with_old_names_of_tensors_give_the_same_network_as_new_ones(old_file, make_plane):
    (path, network), pair = old_file, make_plane(64, 96, disparity=12)
    with safe_open(path, framework="pt") as old:
        assert "pose.limbs.weight" in old.keys()  # noqa: SIM118
    assert same(outputs(load_network(path), pair), outputs(network, pair))


def test_a_network_that_takes_masks_as_exact_starts_from_one_that_corrects_them(tmp_path, make_plane):
    path, pair = tmp_path / "hint.safetensors", make_plane(64, 96, disparity=12)
    save_weights(PoseGaussian(NetworkSettings(iterations=1, matte="hint")).eval(), path, {})
    exact = PoseGaussian(NetworkSettings(iterations=1)).eval()
    assert load_weights(exact, path, partly=True) == []
    assert torch.equal(outputs(exact, pair)[0], outputs(load_network(path), pair)[0]), "a person on black, as masks say"
    with helpers.refuses(WeightsError, "weights-mismatch", file=path):
        load_weights(exact, path)


def test_weights_files_contain_the_constants(tmp_path, make_plane, other_constants):
    settings, pair, path = NetworkSettings(iterations=1), make_plane(64, 96, disparity=12), tmp_path / "w.safetensors"
    network = PoseGaussian(settings, other_constants).eval()
    save_weights(network, path, {})
    loaded, filled, usual = load_network(path), PoseGaussian(settings).eval(), PoseGaussian(settings).eval()
    assert loaded.constants == other_constants and same(outputs(loaded, pair), outputs(network, pair))
    load_weights(filled, path)
    assert filled.constants == other_constants and same(outputs(filled, pair), outputs(network, pair))
    usual.load_state_dict(network.state_dict())
    assert not any(torch.equal(*values) for values in zip(outputs(usual, pair), outputs(network, pair), strict=True))


@pytest.mark.parametrize("part", ["prior", "temporal_filter"])
def test_each_part_of_the_constants_counts(make_plane, other_constants, part):
    network, pair = PoseGaussian(NetworkSettings(iterations=1)).eval(), make_plane(64, 96, disparity=12)
    before = outputs(network, pair)
    network.set_constants(replace(DEFAULTS, **{part: getattr(other_constants, part)}))
    after = outputs(network, pair)
    assert torch.equal(before[0], after[0]) == (part == "temporal_filter") and not torch.equal(before[1], after[1])


@pytest.mark.parametrize(
    ("spoil", "key"),
    [
        (lambda values: values["prior"].pop("rounds"), "prior.rounds"),
        (lambda values: values["temporal_filter"].update(mood=1.0), "temporal_filter.mood"),
        (lambda values: values["prior"]["links"][3].pop("spread"), "prior.links.3.spread"),
        (lambda values: values["prior"].update(falloff="steep"), "prior.falloff"),
        (lambda values: values["prior"]["capsules"][0].update(end="tail"), "prior.capsules.0"),
    ],
)
def test_broken_constants_are_refused_in_one_line(tmp_path, spoil, key):
    path, network = tmp_path / "w.safetensors", PoseGaussian(NetworkSettings(iterations=1))
    save_weights(network, path, {})
    with safe_open(path, framework="pt") as file:
        tensors, entries = {name: file.get_tensor(name) for name in file.keys()}, read_metadata(path)  # noqa: SIM118
    values = json.loads(entries["constants"])
    spoil(values)
    save_file(tensors, path, {"posegaussian": json.dumps({**entries, "constants": json.dumps(values)})})
    for use in (load_network, lambda path: load_weights(network, path)):
        with helpers.refuses(WeightsError, "invalid-constants", file="w.safetensors") as refusal:
            use(path)
        assert f"constants.{key}" in str(refusal.value)
