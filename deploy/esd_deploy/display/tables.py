"""How values look in a notebook: small HTML tables, everything escaped."""

import html
from collections.abc import Iterable, Sequence


def table(title: str, rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """A table with a caption; the first cell of a row is its heading."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(_row(row) for row in rows)
    caption = f'<caption style="text-align:left">{html.escape(title)}</caption>'
    return f"<table>{caption}{f'<tr>{top}</tr>' if head else ''}{body}</table>"


def _row(row: Sequence[object]) -> str:
    first, *rest = (html.escape("-" if cell is None else str(cell)) for cell in row)
    cells = "".join(f'<td style="text-align:left">{cell}</td>' for cell in rest)
    return f'<tr><th style="text-align:left">{first}</th>{cells}</tr>'
