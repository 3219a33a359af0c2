"""One call of the Admin GraphQL API, its queries, pages and bulk operations.

What belongs here: calls and their errors. What does not: what orders or stock mean.
"""
