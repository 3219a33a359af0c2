"""HTML of an editor made HTML of a listing, and plain text made either.

What belongs here: cleaning to an allow-list of elements, the form in which two texts are compared. What does not:
which elements a channel takes (channels/<kind>/content/).

Odoo's editor leaves class names, `data-oe-*` and empty paragraphs; none of them reaches a buyer.
"""

from __future__ import annotations

import html
import re

import nh3

# Elements that every marketplace shows, and that hold no address, script or style.
PLAIN_TAGS = frozenset((
    "p", "br", "b", "strong", "i", "em", "u", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead",
    "tbody", "tr", "th", "td", "blockquote", "div", "span", "hr", "sub", "sup", "small",
))  # fmt: skip
_DROPPED = {"script", "style", "head", "title", "iframe", "object", "noscript", "template"}
_EMPTY = re.compile(r"<(p|div|span|b|strong|i|em|u|h[1-6]|li|ul|ol|small)>(?:\s|&nbsp;|\u00a0|<br>)*</\1>")
_BARE = re.compile(r"</?span>")
_BREAKS = re.compile(r"<(?:br|hr|/p|/div|/li|/h[1-6]|/tr|/td|/th)\s*/?>", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(</?(?:p|br|ul|ol|li|div|h[1-6]|table|thead|tbody|tr|th|td|blockquote|hr)>)\s*")


def clean(text: str, tags: frozenset[str]) -> str:
    """HTML with these elements only, without attributes, empty elements and what nobody sees. Cleaning it again
    changes nothing."""
    cleaned = nh3.clean(text, tags=set(tags), attributes={}, clean_content_tags=_DROPPED - tags, link_rel=None)
    cleaned = _BARE.sub("", cleaned)
    before = ""
    while before != cleaned:
        before, cleaned = cleaned, _EMPTY.sub("", cleaned)
    cleaned = _BETWEEN.sub(r"\1", re.sub(r"\s+", " ", cleaned)).strip()
    return cleaned if flatten(cleaned) else ""


def flatten(text: str) -> str:
    """HTML as one line of plain text."""
    bare = nh3.clean(_BREAKS.sub(" ", text), tags=set(), clean_content_tags=_DROPPED)
    return collapse(html.unescape(bare))


def paragraphs(text: str) -> str:
    """Plain text as HTML: an empty line begins a paragraph, any other new line is a break."""
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")))
    inner = (
        "<br>".join(html.escape(line.strip(), quote=False) for line in block.split("\n")) for block in blocks if block
    )
    return "".join(f"<p>{block}</p>" for block in inner)


def collapse(text: str) -> str:
    """The text in one line, with single blanks."""
    return " ".join(text.split())
