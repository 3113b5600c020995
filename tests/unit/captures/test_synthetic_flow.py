"""What moves in the pictures is what moves in the truth: flow found in the pictures alone is that of the body."""

import cv2
import numpy as np
import torch

from posegaussian.config import LightSettings, PeopleSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.synthetic.dataset.compose import compose
from posegaussian.synthetic.people.cast import Cast
from posegaussian.synthetic.people.preparation import prepare
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.zbuffer import nearest

SIZE = 320


def test_flow_of_the_texture_is_that_of_the_body():
    people = PeopleSettings(garments=("shirt", "trousers"), fabrics=("plaid", "floral", "print"), motions=("walk",))
    cast = Cast.of(prepare(1002, people, 6, 15, 0.004))
    settings = StreamSettings(
        size=(SIZE, SIZE),
        target_size=(32, 32),
        still=0,
        sensor=SensorSettings(),
        rig=RigSettings(radius=(2.0, 2.0), focal=(4.0, 4.0), margin=(0.02, 0.02)),
        light=LightSettings(lamps=(1, 1), key=(0.0, 0.0), ambient=(0.9, 0.9)),
    )
    errors, sizes = [], []
    for seed in range(3):
        sample = compose(cast, np.random.default_rng(seed), settings, 2)
        distance = abs(cast.track.joints - sample.joints[0].numpy()).max((1, 2))
        start = int(distance.argmin())
        assert distance[start] < 1e-6
        points = project_vertices(cast.posed(np.array([start, start + 1])).vertices, sample.pair.cameras[:, 0])
        faces, _ = nearest(points, cast.actor.faces, SIZE, SIZE)
        grey = [(255 * picture.mean(0)).byte().numpy() for picture in sample.pair.images[:, 0]]
        found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey[0], grey[1], None)
        both = np.intersect1d(*(face[face >= 0].numpy() for face in faces))
        middles = points[:, cast.actor.faces[torch.from_numpy(both)]].mean(2)[..., :2].numpy()
        true = middles[1] - middles[0]
        column, row = middles[0].astype(int).T
        inside = cv2.erode((sample.depth[0, 0].numpy() > 0).astype(np.uint8), np.ones((9, 9)))[row, column] > 0
        corners = cv2.cornerMinEigenVal(grey[0], 5)[row, column]
        inside &= corners > np.quantile(corners, 0.6)  # flow is found where there is texture
        errors.append((found[row, column] - true)[inside])
        sizes.append(np.linalg.norm(true, axis=1)[inside])
    errors, sizes = np.concatenate(errors), np.concatenate(sizes)
    size, error = np.median(sizes), np.median(np.linalg.norm(errors, axis=1))
    print(f"flow of {size:.2f} px, found with an error of {error:.2f} px")
    assert size > 2 and error < 0.1 * size
