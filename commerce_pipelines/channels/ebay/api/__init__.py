"""One call of eBay's Sell and Trading APIs, for every topic.

What does not belong here: what orders or listings mean.
"""
