"""One call of eBay's Sell and Trading APIs, for every topic.

What belongs here: calls and their errors. What does not: what orders or listings mean.
"""
