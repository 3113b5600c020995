"""The files that are generated from the settings: written, or compared with what lies there."""

from pathlib import Path

from posegaussian.config.documentation import documentation
from posegaussian.errors import ConfigError
from posegaussian.io.atomic import write_atomic


def write_documentation(schemas: Path, readme: Path) -> None:
    """Write all generated files.

    The arguments are those of the command `schema`.
    """
    for path, text in documentation(schemas, readme).items():
        write_atomic(path, text)


def check_documentation(schemas: Path, readme: Path) -> None:
    """Raise where a generated file is not what `write_documentation` would write.

    Raises:
        ConfigError: files are missing or old; it names them all.
    """
    texts = documentation(schemas, readme)
    old = [path for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if old:
        raise ConfigError(
            f"not current: {', '.join(map(str, old))}", code="outdated-documentation", hint="run `make schemas`"
        )
