"""Mix the weights of a matting network before and after more training: between the two in what they do, too.

    python tools/mix_matting_weights.py before.safetensors after.safetensors --share 0.75 -o matting.safetensors

Weights that were trained on for a new task do best there, and the mean keeps what the old ones knew of images that
the training did not show (Wortsman et al., Robust fine-tuning of zero-shot models, 2022).
"""

import argparse
from pathlib import Path

from mix_weights import mixed

from posegaussian.preparation.mattes.network_weights import load_matting_network, write_matting_network


def main() -> None:
    """Read both, mix, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path, help="weights that were trained on from those before")
    parser.add_argument("--share", type=float, required=True, help="of the weights after, from 0 to 1")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    network = mixed([load_matting_network(each) for each in (args.before, args.after)], [1 - args.share, args.share])
    write_matting_network(args.output, network, {"share": str(args.share)})


if __name__ == "__main__":
    main()
