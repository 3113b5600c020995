"""What mkdocs.yml leaves to code: the list of how-tos, and the help of every command as the command prints it."""

import io
import re
from pathlib import Path

from rich.console import Console

from posegaussian import cli


def on_config(config):
    """Every how-to is in the navigation, after those that mkdocs.yml names."""
    (howto,) = (entry["How to"] for entry in config.nav if "How to" in entry)
    pages = sorted(f"howto/{path.name}" for path in Path(config.docs_dir, "howto").glob("*.md"))
    howto += [page for page in pages if page not in howto]
    return config


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace `{{ commands }}`, and links out of docs/ by links that hold on the site."""
    if "{{ commands }}" in markdown:
        markdown = markdown.replace("{{ commands }}", _commands())
    return re.sub(r"\]\(\.\./(?:config/README\.md)\)", "](reference/configuration.md)", markdown)


def _commands() -> str:
    return "\n".join(f"## `{name}`\n\n```text\n{_help(name)}\n```\n" for name in cli.COMMANDS)


def _help(command: str) -> str:
    page = io.StringIO()
    cli.app.help_print([command], console=Console(file=page, width=100, color_system=None))
    return "\n".join(line.rstrip() for line in page.getvalue().strip().splitlines())
