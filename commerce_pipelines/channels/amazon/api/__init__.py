"""One call of the Selling Partner API, reports and documents, for every topic.

What does not belong here: what orders or listings mean.
"""
