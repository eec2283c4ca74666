"""Who is one customer, and which messages are one thread: between the two dbt runs of a night."""

from answerable.identity.resolve import resolve

__all__ = ["resolve"]
