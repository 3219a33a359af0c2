"""A real browser (Chromium in Qt): loads a page, waits for a script's answer, loads the next in the same profile.

What belongs here: driving it, as a process of its own: `python chromium.py URL SCRIPT URL SCRIPT …`. Prints a JSON
list, an answer for each page, null where none came in time. What does not: the pages and what they mean
(test_browser.py).
"""

from __future__ import annotations

import json
import sys

from PyQt6.QtCore import QTimer, QUrl  # type: ignore[import-not-found,unused-ignore]
from PyQt6.QtWebEngineCore import QWebEnginePage, QWebEngineProfile  # type: ignore[import-not-found,unused-ignore]
from PyQt6.QtWidgets import QApplication  # type: ignore[import-not-found,unused-ignore]

ASK_MILLISECONDS, ASKS = 500, 240  # how often a page is asked for its answer, and how many times at most


def main(pages: list[tuple[str, str]]) -> list[object]:
    """The answers of the pages' scripts; a script answers null as long as it has none."""
    application = QApplication(["browser"])
    page = QWebEnginePage(QWebEngineProfile(application), application)
    answers: list[object] = []
    asked = 0

    def load_next() -> None:
        nonlocal asked
        asked = 0
        if len(answers) == len(pages):
            application.quit()
            return
        page.load(QUrl(pages[len(answers)][0]))
        QTimer.singleShot(ASK_MILLISECONDS, ask)

    def ask() -> None:
        page.runJavaScript(pages[len(answers)][1], take)

    def take(answer: object) -> None:
        nonlocal asked
        asked += 1
        if answer in (None, "") and asked < ASKS:
            QTimer.singleShot(ASK_MILLISECONDS, ask)
            return
        answers.append(answer or None)
        load_next()

    load_next()
    application.exec()
    return answers


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(list(zip(sys.argv[1::2], sys.argv[2::2], strict=True)))))
