"""HTTP as every marketplace uses it: sessions, retries, tokens, rate limits, redaction.

What does not belong here: a vendor's numbers or codes.
"""
