"""A random room around a person and cameras, and the light in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from posegaussian.config import LightSettings, RoomSettings
from posegaussian.errors import ConfigError, warn
from posegaussian.synthetic.renderer.lights import Lights, draw_lights
from posegaussian.synthetic.rooms import halls, interiors, outdoors, studios
from posegaussian.synthetic.rooms.baking import BOUNCE
from posegaussian.synthetic.rooms.hanging import GLASS, mirror, poster
from posegaussian.synthetic.rooms.hard_surfaces import HARD
from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.panorama import COUNT
from posegaussian.synthetic.rooms.plan import Plan
from posegaussian.synthetic.rooms.room import Fixtures, Room
from posegaussian.synthetic.rooms.site import Lamp, Site
from posegaussian.synthetic.rooms.surfaces import Builder, Panels, turned
from posegaussian.synthetic.rooms.textures import names

WALL_GAP = 0.35
"""Space between a camera and the wall behind it, metres; chosen by hand: a tripod."""
CEILING_GAP = 0.2
"""Space between a camera and the ceiling, metres."""
PERSON_GAP = 0.15
"""Space between the person's reach and what stands around, metres."""
MIDDLE = 1.0
"""Height at which the strengths of lamps are meant, metres: the middle of a person."""


@dataclass(frozen=True)
class Kind:
    """A kind of room."""

    build: Callable[[Site], None]  # adds everything to a site
    width: tuple[float, float]  # range of its usual width and depth, metres
    height: tuple[float, float]  # range of its usual height, metres
    enclosed: bool = True  # whether it has walls
    plain: bool = False  # whether mirrors and posters may hang on these


KINDS = {
    "living": Kind(interiors.living, (3.6, 6.5), (2.4, 2.9), plain=True),
    "office": Kind(interiors.office, (4.0, 9.0), (2.5, 3.2), plain=True),
    "gym": Kind(halls.gym, (9.0, 16.0), (4.5, 7.0), plain=True),
    "green": Kind(studios.green, (5.0, 9.0), (3.0, 4.5)),
    "black": Kind(studios.black, (5.0, 9.0), (3.0, 4.5)),
    "dome": Kind(studios.dome, (4.5, 7.0), (2.9, 3.8)),
    "outdoors": Kind(outdoors.outdoors, (7.0, 14.0), (50.0, 50.0), enclosed=False),
}
"""Kinds of rooms; sizes as usual."""


def draw_room(
    rng: np.random.Generator,
    settings: RoomSettings,
    light: LightSettings,
    eyes: Float[np.ndarray, "n 3"],
    person: Float[np.ndarray, "p 3"],
    seconds: float = 0.0,
) -> tuple[Room, Lights] | None:
    """A random room that holds all cameras, and the light that it throws on the person; None where there is none.

    Args:
        rng: random generator.
        settings: kinds and sizes.
        light: strengths of the lamps.
        eyes: centres of the cameras, metres.
        person: points that bound the person, metres.
        seconds: how long other people walk.

    Raises:
        ConfigError: the room is too small for the cameras, or a camera lies below the floor.
    """
    name = settings.kinds[rng.integers(len(settings.kinds))]
    if name == "off":
        return None
    lowest = float(eyes[:, 2].min())
    if lowest < 0:
        what = f"a room has a floor, but a camera would stand {-lowest:.2f} m below it"
        raise ConfigError(what, code="camera-below-floor", hint="raise `pitch` of the rig, or set `room.kinds` to off")
    kind, yaw = KINDS[name], float(rng.uniform(0, 2 * np.pi))
    into = turned(-yaw)
    site = _site(rng, settings, kind, eyes @ into.T, person @ into.T)
    before = rng.uniform() < settings.before
    if before:
        site.before()
    if settings.board is not None and not site.board(settings.board):
        squares = f"{settings.board.columns} x {settings.board.rows} squares of {settings.board.square:g} m"
        what = f"no place on the floor of a room ({name}) is free for a board of {squares}: the room has none"
        warn(
            what,
            code="no-place-for-board",
            hint="raise `room.size`, or lower `room.board.square` or `radius` of the rig",
        )
    polish, walls = rng.spawn(2)  # all else stays as it is
    if settings.reflection[1] > 0:
        site.gloss = float(polish.uniform(*settings.reflection))
    smallest, largest = settings.people
    for _ in range(int(rng.integers(round(smallest), round(largest) + 1))):
        site.other(settings.passing, seconds)
    kind.build(site)
    if kind.plain:
        _hang(site, settings, walls)
    lights = draw_lights(rng, light)
    return _finished(site, name, kind, yaw, lights)


def _hang(site: Site, settings: RoomSettings, rng: np.random.Generator) -> None:
    """Mirrors and posters, where walls have space for them."""
    if rng.uniform() < settings.mirrors:
        mirror(site, rng)
    fewest, most = settings.posters
    for _ in range(int(rng.integers(round(fewest), round(most) + 1))):
        poster(site, rng)


def _site(
    rng: np.random.Generator,
    settings: RoomSettings,
    kind: Kind,
    eyes: Float[np.ndarray, "n 3"],
    person: Float[np.ndarray, "p 3"],
) -> Site:
    """An empty room of a size that holds cameras and person."""
    reach = float(np.linalg.norm(person[:, :2], axis=1).max()) + PERSON_GAP
    low = np.minimum(eyes[:, :2].min(0) - WALL_GAP, -reach - 0.2)
    high = np.maximum(eyes[:, :2].max(0) + WALL_GAP, reach + 0.2)
    needed = high - low
    smallest, largest = settings.size or kind.width
    wanted = rng.uniform(smallest, largest, 2)
    if settings.size and kind.enclosed and needed.max() > largest:
        what = f"a room of {largest:g} m cannot hold the cameras, which need {needed.max():.2f} m"
        raise ConfigError(what, code="room-too-small", hint="raise `room.size`, or lower `radius` of the rig")
    spare, share = np.maximum(wanted - needed, 0), rng.uniform(0.1, 0.9, 2)
    low, high = low - share * spare, high + (1 - share) * spare
    height = max(
        float(rng.uniform(*kind.height)), float(eyes[:, 2].max()) + CEILING_GAP, float(person[:, 2].max()) + 0.1
    )
    plan = Plan(low, high, height, eyes, _bounds(person), reach)
    return Site(rng, plan, float(rng.uniform(*settings.clutter)), Builder(rng), Palette(rng))


def _bounds(person: Float[np.ndarray, "p 3"]) -> Float[np.ndarray, "b 3"]:
    """A few points on the person's outline, for lines of sight."""
    low, high = person.min(0), person.max(0)
    x, y, z = np.meshgrid([low[0], high[0]], [low[1], high[1]], [low[2] + 0.03, (low[2] + high[2]) / 2, high[2]])
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)


def _finished(site: Site, name: str, kind: Kind, yaw: float, lights: Lights) -> tuple[Room, Lights]:
    """The room in the world of the person, and the light there."""
    rng, turn = site.rng, turned(yaw)
    lamps = _lamps(site, len(lights.directions))
    towards = np.stack([lamp.centre - [0, 0, MIDDLE] for lamp in lamps])
    distance = np.linalg.norm(towards, axis=1)
    bounce = site.sides / (site.sides @ [0.299, 0.587, 0.114]).mean()
    tint = (1 - BOUNCE) + BOUNCE * bounce.mean(0)
    ambient = lights.ambient * torch.from_numpy(tint.astype(np.float32))
    blocks = site.builder.blocks()
    blocks[:, :3] = blocks[:, :3] @ turn.T
    blocks[:, 6] += yaw
    low = np.array([*site.plan.low, 0.0]) if kind.enclosed else np.array([-1e3, -1e3, 0.0])
    high = np.array([*site.plan.high, site.height]) if kind.enclosed else np.full(3, 1e3)
    values = {
        "centre": np.stack([lamp.centre for lamp in lamps]) @ turn.T,
        "axes": np.stack([lamp.axes for lamp in lamps]) @ turn.T,
        "facing": np.stack([lamp.facing for lamp in lamps]) @ turn.T,
        "distance": distance,
        "fades": np.array([lamp.fades for lamp in lamps]),
        "bounce": bounce,
        "low": low,
        "high": high,
        "turn": turn.T,
        "blocks": blocks,
    }
    tensors = {key: torch.from_numpy(np.ascontiguousarray(value, np.float32)) for key, value in values.items()}
    fixtures = Fixtures(strengths=lights.strengths, ambient=lights.ambient, decoding=lights.decoding, **tensors)
    panels = site.builder.panels().moved(turn, np.zeros(3))
    panorama = np.array([rng.integers(COUNT), rng.uniform(0, 2 * np.pi), site.sky])
    others = np.array(site.others).reshape(-1, 4)
    others[:, 2] += np.where(others[:, 3] > 0, yaw, 0.0)  # those who stand face anywhere
    others[:, :2] = others[:, :2] @ turn[:2, :2].T
    room = Room.of(
        name,
        panels,
        site.palette.rows(),
        panorama,
        fixtures,
        site.sky > 0,
        others,
        site.corners @ turn.T,
        _mirrors(site, panels),
        {_panel(panels, each.material): each for each in site.pictures},
    )
    directions = torch.from_numpy((towards / distance[:, None] @ turn.T).astype(np.float32))
    return room, replace(lights, directions=directions, ambient=ambient)


def _mirrors(site: Site, panels: Panels) -> dict[int, tuple[float, float]]:
    """Panels that reflect, and the finish of each; a floor does if it is polished, and of wood, stone or tiles."""
    found = {_panel(panels, material): finish for material, *finish in site.polished}
    if site.gloss > 0 and site.ground is not None and names()[int(site.palette.rows()[site.ground, 9])] in HARD:
        found[_panel(panels, site.ground)] = [GLASS, site.gloss]
    return {panel: (least, gloss) for panel, (least, gloss) in found.items()}


def _panel(panels: Panels, material: int) -> int:
    """The first panel of a material; floors, mirrors and posters have one of their own."""
    return int((panels.material == material).argmax())


def _lamps(site: Site, count: int) -> list[Lamp]:
    """The lamps that light the person, key light first; missing ones hang somewhere below the ceiling."""
    found = list(site.lamps)
    if site.rng.uniform() < 0.5 and len(found) > 1 and found[0].fades:
        found = [found[i] for i in site.rng.permutation(len(found))]
    top = min(site.height, 4.0) - 0.1
    while len(found) < count:
        at = np.array([*site.rng.uniform(0.6 * site.plan.low, 0.6 * site.plan.high), top])
        found.append(Lamp(at, np.zeros((2, 3)), np.zeros(3)))
    return found[:count]
