"""The processing report of a feed of XML messages.

What belongs here: this document of Seller Central's ProcessingReport.xsd. What does not: what the messages do
(adjusting.py, fulfilling.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET


def write_report(count: int, errors: Sequence[tuple[str, str]]) -> bytes:
    """count: of messages. errors: (message id, code)."""
    envelope = ET.Element("AmazonEnvelope")
    ET.SubElement(envelope, "MessageType").text = "ProcessingReport"
    report = ET.SubElement(ET.SubElement(envelope, "Message"), "ProcessingReport")
    ET.SubElement(report, "StatusCode").text = "Complete"
    summary = ET.SubElement(report, "ProcessingSummary")
    figures = {"MessagesProcessed": count, "MessagesSuccessful": count - len(errors), "MessagesWithError": len(errors)}
    for name, value in figures.items():
        ET.SubElement(summary, name).text = str(value)
    for number, code in errors:
        result = ET.SubElement(report, "Result")
        ET.SubElement(result, "MessageID").text = number
        ET.SubElement(result, "ResultCode").text = "Error"
        ET.SubElement(result, "ResultMessageCode").text = code
        ET.SubElement(result, "ResultDescription").text = f"The message is not valid ({code})."
    return ET.tostring(envelope, encoding="utf-8", xml_declaration=True)
