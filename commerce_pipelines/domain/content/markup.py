"""HTML of an editor made HTML of a listing, and plain text made either.

What belongs here: cleaning to an allow-list of elements, the form in which two texts are compared. What does not:
which elements a channel takes (channels/<kind>/content/).

Odoo's editor leaves class names, `data-oe-*`, empty paragraphs and characters without width; none of them reaches a
buyer. A text of nothing but what nobody sees is no text: it would blank a listing.
"""

from __future__ import annotations

import html
import re
import unicodedata

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
# What no text needs and XML or a marketplace may refuse: control characters, marks without width, and what is no
# character. What joins an emoji or turns a direction (U+200C to U+200F) stays.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u2060\ufeff\ufffe\uffff]")


def clean(text: str, tags: frozenset[str]) -> str:
    """HTML with these elements only, without attributes, empty elements and what nobody sees. Cleaning it again
    changes nothing."""
    cleaned = nh3.clean(text, tags=set(tags), attributes={}, clean_content_tags=_DROPPED - tags, link_rel=None)
    cleaned = _BARE.sub("", _UNSEEN.sub("", cleaned))
    before = ""
    while before != cleaned:
        before, cleaned = cleaned, _EMPTY.sub("", cleaned)
    cleaned = _BETWEEN.sub(r"\1", re.sub(r"\s+", " ", cleaned)).strip()
    return cleaned if flatten(cleaned) else ""


def flatten(text: str) -> str:
    """HTML as one line of plain text."""
    bare = nh3.clean(_BREAKS.sub(" ", text), tags=set(), clean_content_tags=_DROPPED)
    return collapse(html.unescape(bare))


def split_lines(text: str) -> list[str]:
    """HTML as lines of plain text: what a break, a paragraph or an item of a list ends."""
    bare = nh3.clean(_BREAKS.sub("\n", text), tags=set(), clean_content_tags=_DROPPED)
    return html.unescape(bare).splitlines()


def paragraphs(text: str) -> str:
    """Plain text as HTML: an empty line begins a paragraph, any other new line is a break."""
    blocks = (block.strip() for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")))
    inner = (
        "<br>".join(html.escape(line.strip(), quote=False) for line in block.split("\n")) for block in blocks if block
    )
    return "".join(f"<p>{block}</p>" for block in inner)


def collapse(text: str) -> str:
    """The text in one line, with single blanks; '' where nobody would see any of it."""
    line = " ".join(_UNSEEN.sub("", text).split())
    return line if any(unicodedata.category(sign) not in ("Cf", "Cc", "Zs") for sign in line) else ""
