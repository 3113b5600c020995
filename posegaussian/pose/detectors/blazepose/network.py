"""The network of a .tflite file as a PyTorch module, which runs its operations one after the other."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.io.tflite import Model, Node
from posegaussian.locks import DEVICE


class Network(nn.Module):
    """A network for inference, of any batch size and on any device.

    Between its operations, tensors of four axes are (batch, channels, height, width), other than in the file.

    Raises:
        ValueError: an operation, or one of its options, is not known here.
    """

    _graphs: dict[Callable[..., tuple[Tensor, ...]], GraphPerShape]

    def __init__(self, model: Model):
        super().__init__()
        self.size = model.size
        nodes = _merge_pads(model)
        self.steps = nn.ModuleList(_step(node, model) for node in nodes)
        self._input, self._outputs = model.input, model.outputs
        self._inputs = [[index for index in node.inputs if index not in model.constants] for node in nodes]
        self._made = [node.output for node in nodes]
        last_use = {index: at for at, indices in enumerate(self._inputs) for index in indices}
        self._done = [
            [index for index in set(indices) if last_use[index] == at and index not in model.outputs]
            for at, indices in enumerate(self._inputs)
        ]
        self.requires_grad_(False).eval()
        self._run = GraphPerShape(lambda images: tuple(self(images)))
        self._graphs = {}

    def replayed(self, images: Float[Tensor, "b channels h w"]) -> tuple[Tensor, ...]:
        """What `forward` returns; on CUDA as one graph for each batch size."""
        with torch.inference_mode():
            return self._run(images.device, images) if images.is_cuda else tuple(self(images))

    def graph(self, function: Callable[..., tuple[Tensor, ...]]) -> GraphPerShape:
        """A function of this network and of tensors; on CUDA it runs as one graph for each combination of shapes."""
        return self._graphs.setdefault(function, GraphPerShape(partial(function, self)))

    def forward(self, images: Float[Tensor, "b channels h w"]) -> list[Tensor]:
        """The outputs in the order of the file; those of four axes are (b, channels, height, width)."""
        values = {self._input: images.contiguous(memory_format=torch.channels_last)}
        with DEVICE.shared():
            for step, inputs, made, done in zip(self.steps, self._inputs, self._made, self._done, strict=True):
                values[made] = step(*(values[index] for index in inputs))
                for index in done:
                    del values[index]
        return [values[index] for index in self._outputs]


class _Operation(nn.Module):
    """A function without weights."""

    def __init__(self, function: Callable[..., Tensor]):
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


class _Convolution(nn.Module):
    """A convolution, of all channels or of each alone, and what activates it."""

    def __init__(self, node: Node, kernel: np.ndarray, bias: np.ndarray):
        super().__init__()
        depthwise = node.kind == "depthwise_conv_2d"  # kernels lie as (1, rows, columns, outputs) in the file
        ordered = torch.tensor(kernel.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)).astype(np.float32))
        self.weight = nn.Parameter(ordered.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.tensor(bias.astype(np.float32)))
        self.groups = len(bias) if depthwise else 1
        self.size, self.stride, self.dilation = kernel.shape[1:3], node.options["stride"], node.options["dilation"]
        self.same, self.pad = node.options["same"], node.options.get("pad", (0, 0))
        self.activate = _activation(node)
        self.pointwise = not depthwise and self.size == (1, 1) and list(self.stride) == [1, 1]

    def forward(self, images: Tensor) -> Tensor:
        if self.pointwise:  # three times as fast as conv2d on a core
            made = functional.linear(images.movedim(1, -1), self.weight[:, :, 0, 0], self.bias).movedim(-1, 1)
        else:
            images, pad = self._padded(images) if self.same else (images, self.pad)
            options = self.stride, pad, self.dilation
            if self.groups > 1 and images.is_cuda:
                # PyTorch's own kernel: cuDNN takes 0.1 s to plan each layer, 9 s for both networks on an H200, and then
                # saves a fifth of a millisecond an image.
                made = torch.ops.aten._conv_depthwise2d(images, self.weight, self.size, self.bias, *options)
            else:
                made = functional.conv2d(images, self.weight, self.bias, *options, self.groups)
        return self.activate(made)

    def _padded(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Images padded as TensorFlow's `SAME`; or, where both sides get as much, as they are, with that padding.

        There are as many outputs as inputs / stride, rounded up; what is odd goes below and to the right.
        """
        rows, columns = (
            max((length - 1) // stride * stride + (size - 1) * dilation + 1 - length, 0)
            for length, size, stride, dilation in zip(
                images.shape[2:], self.size, self.stride, self.dilation, strict=True
            )
        )
        if rows % 2 == columns % 2 == 0:
            return images, (rows // 2, columns // 2)
        sides = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return functional.pad(images, sides), (0, 0)


def _merge_pads(model: Model) -> list[Node]:
    """The operations with every pad of rows and columns, equal on both sides, made a part of its convolution.

    The padded images are then never stored, which saves a tenth of the time on a core.
    """
    pads = {node.output: node for node in model.nodes if node.kind == "pad"}
    nodes = []
    for node in model.nodes:
        pad = pads.get(node.inputs[0])
        if pad is not None and "conv" in node.kind and not node.options["same"]:
            batch, (top, bottom), (left, right), channels = model.constants[pad.inputs[1]].tolist()
            if (top, left, batch, channels) == (bottom, right, [0, 0], [0, 0]):
                inputs = (pad.inputs[0], *node.inputs[1:])
                node = replace(node, inputs=inputs, options={**node.options, "pad": (top, left)})
        nodes.append(node)
    used = {index for node in nodes for index in node.inputs} | set(model.outputs)
    return [node for node in nodes if node.kind != "pad" or node.output in used]


def _step(node: Node, model: Model) -> nn.Module:
    """The module of an operation."""
    values = [model.constants[index] for index in node.inputs if index in model.constants]
    if "conv" in node.kind:
        return _Convolution(node, *values)
    return _Operation(_FUNCTIONS[node.kind](node, *values))


def _activation(node: Node) -> Callable[[Tensor], Tensor]:
    return {
        "none": lambda values: values,
        "relu": torch.relu_,
        "relu6": lambda values: values.clamp_(0, 6),
    }[node.options["activation"]]


def _add(node: Node) -> Callable[..., Tensor]:
    activate = _activation(node)
    return lambda first, second: activate(first + second)


def _concatenation(node: Node) -> Callable[..., Tensor]:
    axis = node.options["axis"]
    return lambda *parts: torch.cat([part if part.dim() < 4 else part.movedim(1, -1) for part in parts], axis)


def _depth_to_space(node: Node) -> Callable[..., Tensor]:
    block = node.options["block"]

    def function(images: Tensor) -> Tensor:
        # TensorFlow's channels are ordered (row, column, channel) of a block, PyTorch's (channel, row, column).
        parts = images.unflatten(1, (block * block, -1)).transpose(1, 2).flatten(1, 2)
        return functional.pixel_shuffle(parts, block)

    return function


def _max_pool(node: Node) -> Callable[..., Tensor]:
    size, stride = node.options["size"], node.options["stride"]
    if node.options["same"] or node.options["activation"] != "none":
        raise ValueError("max_pool_2d with padding or activation")
    return lambda images: functional.max_pool2d(images, size, stride)


def _pad(node: Node, amounts: np.ndarray) -> Callable[..., Tensor]:
    batch, rows, columns, channels = amounts.tolist()
    if any(batch):
        raise ValueError("pad of the batch")
    return lambda images: functional.pad(images, (*columns, *rows, *channels))


def _reshape(node: Node, shape: np.ndarray) -> Callable[..., Tensor]:
    lengths = shape.tolist()[1:]  # the first one is the batch of the file, 1
    return lambda values: (values.movedim(1, -1) if values.dim() == 4 else values).reshape(len(values), *lengths)


def _resize(node: Node, size: np.ndarray) -> Callable[..., Tensor]:
    if node.options["align_corners"] or not node.options["half_pixel"]:
        raise ValueError("resize_bilinear between other than pixel centres")
    goal = size.tolist()
    return lambda images: functional.interpolate(images, goal, mode="bilinear", align_corners=False)


_FUNCTIONS: dict[str, Callable[..., Callable[..., Tensor]]] = {
    "add": _add,
    "concatenation": _concatenation,
    "depth_to_space": _depth_to_space,
    "logistic": lambda node: torch.sigmoid,
    "max_pool_2d": _max_pool,
    "pad": _pad,
    "reshape": _reshape,
    "resize_bilinear": _resize,
}
"""Functions of (node, constants) that return the operation, by its kind."""
