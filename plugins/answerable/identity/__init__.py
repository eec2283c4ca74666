"""Who is one customer, and which messages are one thread: between the two dbt runs of a night."""

from answerable.settings import Settings

__all__ = ["resolve"]


def resolve(run_id: str, settings: Settings | None = None) -> dict[str, int]:
    """Work out customers and threads anew from all evidence up to as_of, in one transaction."""
    # scipy takes a while to import, and whoever reads an identifier or a policy needs none of it
    from answerable.identity import step

    return step.resolve(run_id, settings)
