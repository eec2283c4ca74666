"""A company in a box: a simulated company behind the sources' real APIs, and the truth about it."""

from .company import DEFAULT_SEED, DEFAULT_SIZE, SMALL
from .server import Fault, Handle, serve

__all__ = ["DEFAULT_SEED", "DEFAULT_SIZE", "SMALL", "Fault", "Handle", "serve"]
