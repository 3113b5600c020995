"""How a help page looks: each group of entries as two columns under a title, without boxes."""

import re
from typing import TYPE_CHECKING, Any

from cyclopts.help import DescriptionRenderer, NameRenderer, PlainFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions, RenderableType

_BREAK = re.compile(r"\n(?=\S)")
"""The end of a line within a sentence of a docstring; the lines of lists are indented."""


class HelpPage(PlainFormatter):
    """Plain usage and description; names beside their descriptions, where PlainFormatter writes both in one line."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Print one group of entries."""
        from rich.padding import Padding
        from rich.table import Table

        if not panel.entries:
            return
        names = NameRenderer(max_width=console.width * 2 // 5)
        table = Table.grid(padding=(0, 2, 0, 0))
        for entry in panel.entries:
            table.add_row(names(entry), _description(entry))
        console.print(f"{panel.title}:", style="bold", highlight=False)
        console.print(Padding(table, (0, 0, 1, 2)), highlight=False)


def _description(entry: "HelpEntry") -> "RenderableType":
    """The description of an entry, whose lines end where the console does, not where they end in the docstring."""
    from cyclopts.help.inline_text import InlineText
    from rich.text import Text

    found = DescriptionRenderer()(entry)
    if isinstance(found, InlineText) and isinstance(found.primary_renderable, Text):
        found.primary_renderable = Text(_BREAK.sub(" ", found.primary_renderable.plain))
    return found


def shown_default(default: Any) -> str | None:
    """A default value as a user would type it; None for flags that are off and for empty lists."""
    if default in (None, (), False):
        return None
    return " ".join(default) if isinstance(default, tuple) else str(default)
