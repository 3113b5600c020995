"""Viewers of a live session in a process of their own: what they receive, as JSON. benchmarks/live.py starts it."""

import argparse
import asyncio
import json
import statistics
import struct
import time
from typing import Any

from websockets.asyncio.client import connect

HEADER = struct.Struct(">BId")
"""`posegaussian.live.viewer.HEADER`: this process does without the package, whose import takes seconds."""
_VIEW = 1


async def watch(address: str, seconds: float, along: float) -> dict[str, Any]:
    """What one viewer receives, who acknowledges each view as the page does: ages on arrival, rate and size."""
    ages, sizes, last, start = [], [], 0, None
    async with connect(address, max_size=None, proxy=None, compression=None) as connection:
        await connection.send(json.dumps({"view": [along, 0.0, 1.0]}))
        while start is None or time.monotonic() < start + seconds:
            data = await connection.recv()
            now = time.monotonic()
            if isinstance(data, str) or data[0] != _VIEW:
                continue
            await connection.send('{"drawn": true}')
            _, number, taken = HEADER.unpack(data[: HEADER.size])
            if start is None:
                start = now
            elif number != last:
                ages.append(now - taken)
                sizes.append(len(data))
            last = number
    return {"ages": ages, "rate": len(ages) / (time.monotonic() - start), "bytes": statistics.median(sizes or [0])}


async def watch_all(address: str, viewers: int, seconds: float) -> list[dict[str, Any]]:
    """What several viewers receive at the same time, each from another place between the cameras."""
    return await asyncio.gather(*(watch(address, seconds, (at + 1) / (viewers + 1)) for at in range(viewers)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--viewers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(watch_all(given.address, given.viewers, given.seconds))))
