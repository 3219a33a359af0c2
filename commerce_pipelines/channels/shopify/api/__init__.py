"""One call of the Admin GraphQL API, its queries, pages and bulk operations.

What does not belong here: what orders or stock mean.
"""
