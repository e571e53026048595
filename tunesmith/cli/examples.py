"""Commands with what they do → the epilog of a help text."""

from __future__ import annotations

from rich.markup import escape

FITS = 72
"""Characters of a command and what it does that fit beside each other on a terminal of 80 columns."""


def examples(*pairs: tuple[str, str], more: tuple[str, ...] = ()) -> str:
    """The epilog: a heading, a line for each (command, what it does), then paragraphs.

    >>> print(examples(("tunesmith run p.toml", "does it all")))
    [bold]Examples[/bold]
      [cyan]tunesmith run p.toml[/cyan]  [dim]does it all[/dim]
    """
    width = max(len(command) for command, _ in pairs)
    beside = all(width + len(what) <= FITS for _, what in pairs)
    lines = ["[bold]Examples[/bold]"]
    for command, what in pairs:
        if beside:
            lines.append(f"  [cyan]{escape(f'{command:<{width}}')}[/cyan]  [dim]{escape(what)}[/dim]")
        else:
            lines += [f"  [cyan]{escape(command)}[/cyan]", f"      [dim]{escape(what)}[/dim]"]
    return "\n\n".join(["\n".join(lines), *(escape(text) for text in more)])
