import helpers
import pytest
import torch
from safetensors.torch import save_file

from posegaussian.config import NetworkSettings
from posegaussian.errors import WeightsError
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import fill, load_network, parts_of, read_metadata, save_weights


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
        fill(PoseGaussian(NetworkSettings(pose="none")), fused)


def test_parts_that_a_file_lacks_start_anew_where_that_is_wanted(tmp_path):
    old, new = PoseGaussian(NetworkSettings()), PoseGaussian(NetworkSettings())
    del old.color.to_thirtysecond
    save_weights(old, tmp_path / "old.safetensors", {})
    with helpers.refuses(WeightsError, "weights-mismatch", file="old.safetensors"):
        fill(new, tmp_path / "old.safetensors")
    before = new.color.to_thirtysecond[1].weight.clone()
    lacking = fill(new, tmp_path / "old.safetensors", partly=True)
    assert parts_of(lacking) == ["color.to_thirtysecond"]
    assert torch.equal(new.color.to_thirtysecond[1].weight, before)
    assert torch.equal(new.head.join.weight, old.head.join.weight)
    save_weights(new, tmp_path / "new.safetensors", {})
    with helpers.refuses(WeightsError, "weights-mismatch", file="new.safetensors"):
        fill(old, tmp_path / "new.safetensors", partly=True)
