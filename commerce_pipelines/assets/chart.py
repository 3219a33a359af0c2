"""Pictures in asset metadata: a bar chart as an SVG image inside markdown, which the Dagster UI shows as it is.

What belongs here: drawing figures that hold no personal data. What does not: choosing them (assets/*.py).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

WIDTH, HEIGHT, FOOT = 600, 180, 34  # as wide as the UI shows without cutting off
WIDEST = 90  # of one bar and its gap, so that a chart of few figures keeps narrow bars


def bars(figures: Mapping[str, int], title: str) -> str:
    """Markdown with one bar per label, the figure above it. Labels and title are escaped; empty figures give ''."""
    if not figures:
        return ""
    peak = max(*figures.values(), 1)
    step = min(WIDTH / len(figures), WIDEST)
    every = max(1, len(figures) // 12)
    parts = [f'<text x="4" y="13" font-size="12" font-weight="bold">{escape(title)}</text>']
    for index, (label, value) in enumerate(figures.items()):
        height = (HEIGHT - FOOT - 34) * value / peak
        x, y = index * step + step * 0.1, HEIGHT - FOOT - height
        middle = (index + 0.5) * step
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" fill="#4f43dd"/>')
        if index % every == 0:
            parts += [_draw_text(middle, y - 3, str(value)), _draw_text(middle, HEIGHT - FOOT + 14, label)]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>'
    )
    return f"![{escape(title)}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _draw_text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="10" text-anchor="middle">{escape(text)}</text>'
