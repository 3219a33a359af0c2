"""One call of the Selling Partner API, reports and documents, for every topic.

What belongs here: calls and their errors. What does not: what orders or listings mean.
"""
