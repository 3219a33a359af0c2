"""What comes back: goods (returns) and money (refunds), two things that may each come alone and first.

What belongs here: their shapes, and the rules of what follows from them. What does not: how a marketplace says it
(channels/*/returns/), the records that they become (odoo/returns/).
"""
