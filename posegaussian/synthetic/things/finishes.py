"""Finishes: materials of things, with textures in the thing's own axes. Colours and sizes are chosen by eye, metres."""

import numpy as np

from posegaussian.synthetic.clothing.cloth import PATTERN_TEXEL, WEAVE_TEXEL, Fabric
from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.textures import Colour, blend, noise, sample_swatch, soft_step


def plain(name: str, tone: Colour, gloss: float, roughness: float) -> Material:
    """One colour with faint spots: plastic, metal, paint."""

    def texture(points):
        spots = 1 + 0.03 * noise(points, 0.02, 0)
        return np.column_stack([np.clip(tone * spots[:, None], 0, 1), 0 * spots])

    return Material(name, texture, gloss, roughness)


def sewn(name: str, fabric: Fabric, seams: list, seed: int) -> Material:
    """Cloth around a bag, with seams at these heights."""

    def texture(points):
        flat = np.column_stack([points[:, 0] + points[:, 1], points[:, 2]])
        weave = sample_swatch(fabric.weave, flat, WEAVE_TEXEL)
        albedo = sample_swatch(fabric.pattern, flat, PATTERN_TEXEL)
        tone, relief = weave[:, 0] * (1 + fabric.wear * noise(points, 0.08, seed)), weave[:, 1]
        relief = relief + 8e-4 * noise(points, 0.03, seed + 1)
        for height in seams:
            line = np.exp(-(((points[:, 2] - height) / 0.0018) ** 2))
            tone, relief = tone * (1 - 0.4 * line), relief - 9e-4 * line
        return np.column_stack([np.clip(albedo * tone[:, None], 0, 1), relief])

    return Material(name, texture, fabric.gloss, fabric.roughness)


def cardboard(half: np.ndarray, label: Colour, seed: int) -> Material:
    """A cardboard box with a strip of tape across its lid and a label in front."""

    def texture(points):
        x, y, z = points.T
        fibres = noise(points * [1, 1, 6], 0.006, seed)
        tone = np.array([0.55, 0.40, 0.26]) * (1 + 0.05 * fibres + 0.06 * noise(points, 0.06, seed + 1))[:, None]
        tone = blend(tone, np.array([0.66, 0.55, 0.40]), soft_step(0.025 - abs(x), 0.002) * (abs(z) > 0.6 * half[2]))
        frame = np.minimum(0.35 * half[0] - abs(x - 0.3 * half[0]), 0.3 * half[2] - abs(z))
        paper = soft_step(frame, 0.002) * (y < -0.8 * half[1])
        lines = (np.sin(2 * np.pi * z / 0.012) > 0.2) & (frame > 0.008)
        tone = blend(tone, np.where(lines[:, None], label, 0.9), paper)
        return np.column_stack([np.clip(tone, 0, 1), 2e-5 * fibres])

    return Material("box", texture, 0.04, 0.7)


def ball(radius: float, base: Colour, other: Colour, panels: int, seed: int) -> Material:
    """A ball of panels in two colours with grooves between them."""

    def texture(points):
        x, y, z = points.T / radius
        turn = panels * np.arctan2(x, -y) / (2 * np.pi)
        near = abs(turn - np.round(turn)) * 2 * np.pi / panels * np.hypot(x, y)
        groove = np.exp(-((np.minimum(near, abs(z)) / 0.025) ** 2))
        own = (np.floor(turn) + (z > 0)) % 2 < 1
        tone = np.where(own[:, None], base, other) * (1 + 0.04 * noise(points, 0.004, seed))[:, None]
        tone = tone * (1 - 0.6 * groove)[:, None]
        return np.column_stack([np.clip(tone, 0, 1), -1e-3 * groove + 1e-4 * noise(points, 0.003, seed)])

    return Material("ball", texture, 0.12, 0.4)


def phone(half: np.ndarray, seed: int) -> Material:
    """A telephone: a dark screen with a bright page on one side, a camera's lenses on the other."""

    def texture(points):
        x, y, z = points.T
        screen = soft_step(np.minimum(half[0] - 0.004 - abs(x), half[2] - 0.006 - abs(z)), 0.001) * (y < 0)
        page = 0.35 + 0.3 * (noise(points * [1, 0, 0.3], 0.012, seed) > 0.1)
        tone = blend(np.full((len(points), 3), 0.06), page[:, None] * np.array([0.9, 0.95, 1.0]), screen)
        lens = soft_step(0.006 - np.hypot(x - 0.45 * half[0], abs(z - 0.72 * half[2]) - 0.009), 0.001) * (y > 0)
        return np.column_stack([blend(tone, np.full(3, 0.01), lens), 0 * x])

    return Material("phone", texture, 0.4, 0.2)


def wood(tone: Colour, seed: int) -> Material:
    """Varnished wood whose grain runs along z."""

    def texture(points):
        grain = noise(points * [1, 1, 0.06], 0.004, seed) + 0.6 * noise(points * [1, 1, 0.15], 0.015, seed + 1)
        return np.column_stack([np.clip(tone * (1 + 0.22 * grain)[:, None], 0, 1), 6e-5 * grain])

    return Material("stick", texture, 0.15, 0.4)
