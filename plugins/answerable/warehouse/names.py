"""Names of the schemas that a run works in."""

from dataclasses import dataclass

RAW = "raw"
OPS = "ops"


@dataclass(frozen=True, slots=True)
class Schemas:
    """The four schemas that hold what a run makes; a replay has four of its own.

    >>> Schemas.of("").marts, Schemas.of("replay_20260301").marts
    ('marts', 'replay_20260301')
    """

    build: str
    identity: str
    marts: str
    private: str

    @classmethod
    def of(cls, prefix: str) -> "Schemas":
        """The schemas for a run's `schema_prefix`: '' for a night, else the replay's."""
        if not prefix:
            return cls("build", "identity", "marts", "private")
        return cls(f"{prefix}_build", f"{prefix}_identity", prefix, f"{prefix}_private")
