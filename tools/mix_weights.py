"""The weighted mean of weights files of one network, in half precision: a start of another run, or weights that ship.

    python tools/mix_weights.py before.safetensors after.safetensors --shares 0.5 0.5 --name "start of run 17" \\
        -o start.safetensors

The mean of weights and of those that were trained on from them loses less of what the old ones could do (Wortsman et
al., Robust fine-tuning of zero-shot models, 2022). The settings and the history are those of the file with the longest
history; the metadata entry `averaged` has the shares.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from posegaussian.model.weights import load_network, read_metadata, save_weights, weights_path

N = TypeVar("N", bound=nn.Module)


def main() -> None:
    """Read, mix, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="files, or `release`")
    parser.add_argument("--shares", type=float, nargs="+", required=True, help="of each file; their sum is 1")
    parser.add_argument("--name", required=True, help="of the mean, in the metadata")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    if len(args.shares) != len(args.weights) or abs(sum(args.shares) - 1) > 1e-6:
        parser.error(f"--shares: give one for each of the {len(args.weights)} files, with a sum of 1")
    files = [weights_path(name) for name in args.weights]
    network = mixed([load_network(file) for file in files], args.shares).half()
    save_weights(network, args.output, metadata(files, args.shares, args.name))


@torch.no_grad()
def mixed(networks: Sequence[N], shares: Sequence[float]) -> N:
    """The first network, whose weights become the weighted mean of those of all."""
    for values in zip(*(network.parameters() for network in networks), strict=True):
        values[0].copy_(sum(share * each for share, each in zip(shares, values, strict=True)))
    return networks[0]


def metadata(files: Sequence[Path], shares: Sequence[float], name: str) -> dict[str, str]:
    """Entries of the file with the longest history, with all that was averaged before, and now."""
    entries = [read_metadata(file) for file in files]
    averaged = {key: value for each in entries for key, value in json.loads(each.get("averaged", "{}")).items()}
    averaged[name] = {file.stem: share for file, share in zip(files, shares, strict=True)}
    last = max(entries, key=lambda each: len(json.loads(each["history"])))
    return {**last, "averaged": json.dumps(averaged)}


if __name__ == "__main__":
    main()
