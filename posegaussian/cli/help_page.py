"""How a help page looks: each group of entries as two columns under a title, without boxes."""

from typing import TYPE_CHECKING, Any

from cyclopts.help import DescriptionRenderer, NameRenderer, PlainFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions


class HelpPage(PlainFormatter):
    """Plain usage and description; names beside their descriptions, where PlainFormatter writes both in one line."""

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Print one group of entries."""
        from rich.padding import Padding
        from rich.table import Table

        if not panel.entries:
            return
        names, description = NameRenderer(max_width=console.width * 2 // 5), DescriptionRenderer()
        table = Table.grid(padding=(0, 2, 0, 0))
        for entry in panel.entries:
            table.add_row(names(entry), description(entry))
        console.print(f"{panel.title}:", style="bold", highlight=False)
        console.print(Padding(table, (0, 0, 1, 2)), highlight=False)


def shown_default(default: Any) -> str | None:
    """A default value as a user would type it; None for flags that are off and for empty lists."""
    if default in (None, (), False):
        return None
    return " ".join(default) if isinstance(default, tuple) else str(default)
