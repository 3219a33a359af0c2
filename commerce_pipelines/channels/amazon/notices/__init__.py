"""Amazon's messages: the queue that they lie in, what they say, and the subscriptions behind them.

What belongs here: messages of one account. What does not: what follows from them (flows/notices/).
"""
