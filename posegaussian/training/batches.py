            clip = source[index].to(self.device)
            if self.side is None:
                return clip, None
            made = torch.cuda.Event()
            made.record(self.side)
            return clip, made

    def close(self) -> None:
        """Wait for what is being made, then let go of files and processes."""
        self.maker.shutdown(cancel_futures=True)
        for steps in (self.captures, self.streamed):
            if steps is not None:
                steps.close()


def _hand_over(value: _Tensors, stream: torch.cuda.Stream) -> None:
    """Tell the allocator that tensors made on another stream are used on this one."""
    for part in vars(value).values():
        if isinstance(part, Tensor):
            part.record_stream(stream)
        elif isinstance(part, _Tensors):
            _hand_over(part, stream)
