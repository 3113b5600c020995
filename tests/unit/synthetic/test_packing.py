"""Trees of tensors in one block of memory."""

import pickle

import torch

from posegaussian.synthetic.dataset.packing import Packed
from posegaussian.types import Camera


def test_packing_keeps_every_tensor_of_a_tree_on_the_way_through_another_process():
    transposed = torch.arange(6.0).reshape(2, 3).T
    camera = Camera(torch.eye(3), torch.eye(4).double(), 4, 3)
    tree = {"a": [transposed, (torch.tensor([True, False, True]), 7)], "camera": camera}
    found = pickle.loads(pickle.dumps(Packed.of(tree))).on(torch.device("cpu"))
    assert torch.equal(found["a"][0], transposed)
    assert found["a"][1][0].dtype == torch.bool and found["a"][1][0].tolist() == [True, False, True]
    assert found["a"][1][1] == 7
    assert torch.equal(found["camera"].world_to_camera, camera.world_to_camera) and found["camera"].width == 4
