"""HTTP as every marketplace uses it: sessions, retries, tokens, rate limits, redaction.

What belongs here: what is the same for every vendor. What does not: a vendor's numbers or codes.
"""
