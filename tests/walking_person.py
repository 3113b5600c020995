"""A person who walks about, as projected landmarks with noise, and rigs of cameras around them."""

import cv2
import numpy as np
from filmed_boards import TrueCamera
from textured_scene import source_of

from posegaussian.pose.person import LANDMARKS

HEIGHT, FRAMES = 1.75, 150
RIGS = {"four": (-34, -11, 11, 34), "two": (-25, 25)}


def rig(name):
    return {f"{i}": source_of(TrueCamera(a, focal=620, height=1.2 + 0.1 * i)) for i, a in enumerate(RIGS[name])}


def walker():
    """Landmarks of somebody who walks about and moves all limbs, metres; joints are as high as a body's joints are.

    Heights by Drillis and Contini (1966).
    """
    random = np.random.default_rng(3)
    body = random.uniform([-0.3, -0.2, 0.2], [0.3, 0.2, 1.6], (33, 3))
    heights = {"eye": 0.936, "shoulder": 0.818, "hip": 0.53, "knee": 0.285, "ankle": 0.039, "heel": 0.01}
    heights["foot_index"] = 0.01
    for part, share in heights.items():
        for side, x in (("left", 0.08), ("right", -0.08)):
            body[LANDMARKS.index(f"{side}_{part}")] = [x, 0.0, share * HEIGHT]
    frames = []
    for k in range(FRAMES):
        swing = 0.04 * np.sin(0.4 * k + np.linspace(0, 6, 33))[:, None] * [1, 1, 0]
        frames.append(body + swing + [0.5 * np.sin(0.05 * k), 0.4 * np.cos(0.083 * k), 0])
    return np.stack(frames)


def trajectories(cameras, noise=3.0, seed=0):
    random, found = np.random.default_rng(seed), {}
    for name, camera in cameras.items():
        pixels = np.stack([camera.project(points) for points in walker()])
        pixels += random.normal(0, noise, pixels.shape) + random.normal(0, noise, (1, 33, 2))
        found[name] = np.concatenate([pixels, np.full((FRAMES, 33, 1), 0.9)], axis=2)
    return found


def largest_turn(true, found):
    """Rotation from the found world to the true one, and the largest turn of a camera after it, degrees."""
    left, _, right = np.linalg.svd(sum(true[n].rotation.T @ found[n].rotation for n in true))
    turn = left @ right
    return turn, np.degrees(
        max(np.linalg.norm(cv2.Rodrigues(true[n].rotation @ turn @ found[n].rotation.T)[0]) for n in true)
    )
