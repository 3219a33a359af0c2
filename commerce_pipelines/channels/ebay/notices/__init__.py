"""Messages of eBay's Notification API.

What belongs here: what eBay sends, and the subscriptions. What does not: HTTP in (cli/receive.py), what follows.
"""
