"""Make docs/images/demo.jpg from the demo's output: the source views, a disparity, the novel view and the truth.

    python tools/readme_picture.py results/renders/demo/person5.h5 --rectified results/rectified/person5.h5

The novel view is in the middle, the held-out truth right of it.
"""

import argparse
from pathlib import Path

import cv2

from posegaussian.data.rectified import read_person
from posegaussian.io.images import write_image
from posegaussian.report import color_maps, images
from posegaussian.report.views import CaptureFiles

WIDTH = 1600
"""Of the image, pixels."""
GAP = 8
"""Between the views, pixels."""
BOX_MARGIN = 0.03
"""Free border around the person, as a share of the longer side of the bounding box."""
QUALITY = 90
"""Of the JPEG. Chosen by hand: a PNG of it takes five times as much of the repository."""


def main() -> None:
    """Read the two files and write the image."""
    parser = argparse.ArgumentParser(description="Make the README's image from the demo's output.")
    parser.add_argument("renders", type=Path, help="renders .h5")
    parser.add_argument("--rectified", type=Path, required=True, help="the rectified .h5 they were made from")
    parser.add_argument("--target", type=int, default=0, help="index of the held-out camera (default: the first)")
    parser.add_argument("--frame", type=int, help="index of the frame (default: the middle one)")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images/demo.jpg"))
    args = parser.parse_args()

    capture = CaptureFiles(args.rectified, None, args.renders)
    frame = len(capture.frames) // 2 if args.frame is None else args.frame
    pair = int(capture.rectified["targets/pair"][args.target])
    left, right = read_person(capture.rectified, "sources", pair, frame)
    masks = capture.rectified["sources/masks"][pair, frame]
    disparity = capture.renders["sources/disparity"][pair, frame, 0]
    limits = color_maps.disparity_limits(disparity, masks[0])
    person = capture.rectified["targets/masks"][args.target, frame]
    views = [
        (left, masks[0], f"camera {capture.pairs[pair][0]}"),
        (color_maps.disparity_colours(disparity, masks[0], limits), masks[0], "disparity"),
        (capture.renders["targets/images"][args.target, frame], person, "novel view"),
        (read_person(capture.rectified, "targets", args.target, frame), person, "truth (never an input)"),
        (right, masks[1], f"camera {capture.pairs[pair][1]}"),
    ]
    boxes = [images.box_around(mask, margin=BOX_MARGIN) for mask in (*masks, person)]
    aspect = max((box.right - box.left) / (box.bottom - box.top) for box in boxes)
    width = (WIDTH - GAP * (len(views) + 1)) // len(views)
    height = round(width / aspect)
    tiles = [
        images.resized(images.padded_crop(image, images.box_around(mask, aspect, BOX_MARGIN)), width, height)
        for image, mask, _ in views
    ]
    sheet = images.image_row(tiles, [caption for _, _, caption in views], height=height, gap=GAP)
    write_image(args.output, sheet, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    capture.close()
    print(args.output)


if __name__ == "__main__":
    main()
