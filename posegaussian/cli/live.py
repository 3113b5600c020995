"""The command that shows novel views of what cameras film."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from posegaussian import config
from posegaussian.cli.arguments import Device, Port, Settings, Whole, naming
from posegaussian.errors import ConfigError
from posegaussian.registry import RASTERIZERS


def live(
    capture: Path | None = None,
    /,
    *,
    source: Annotated[tuple[str, str] | None, Parameter(metavar="A B")] = None,
    synthetic: Annotated[Whole | None, Parameter(metavar="SEED")] = None,
    weights: str = "release",
    output: Annotated[Path, Parameter(alias="-o")] = Path("recordings"),
    host: str = "127.0.0.1",
    port: Port = 8090,
    settings: "Annotated[Settings, naming('backend', RASTERIZERS)]" = None,
    device: Device = "auto",
) -> None:
    """Show novel views in the browser while two cameras film (needs the extra `live`).

    No image leaves this machine but to the browsers that you open, and nothing is stored but what they record.

    Args:
        capture: a capture folder, or the folder that `calibrate` wrote: the calibration, and footage to play
        source: the two cameras, by name or index (default: 0 1)
        synthetic: instead of a capture, a synthetic person of this seed
        weights: a .safetensors file, or `release`: the included weights
        output: folder of what the page records
        host: address to listen on; any other than the default is reachable from elsewhere, with a token that is printed
        port: port to listen on
    """
    import websockets.asyncio.server  # noqa: F401  before anything is loaded: the extra may be missing

    from posegaussian.live.command import capture_rig, serve, synthetic_rig
    from posegaussian.model.weights import weights_path

    if (capture is None) == (synthetic is None):
        hint = "give the folder of a capture, or --synthetic SEED"
        raise ConfigError("one source of frames is needed", code="live-source", hint=hint)
    loaded = config.load_settings(config.LiveSettings, settings)
    rig = capture_rig(capture, source, loaded) if capture is not None else synthetic_rig(synthetic or 0, device)
    serve(
        rig,
        weights=weights_path(weights),
        output=output,
        host=host,
        port=port,
        settings=loaded,
        device=device,
    )
