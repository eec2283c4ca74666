"""What the user chose, read once at the edge into one typed value."""

import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]


class SettingsError(ValueError):
    """A setting is missing or makes no sense; the text names it and says what to do."""


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """These variables set, as long as the block lasts; then they are as they were."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are. Nothing here is secret but `warehouse_url`, which repr leaves out."""

    root: Path
    # everything that a run leaves behind: server data, landing zone, logs, dbt artefacts
    home: Path
    landing: str  # a path or a bucket URL that universal_pathlib understands
    policy: Path  # the folder of policy CSV files
    reports: Path
    accept_shrink: tuple[str, ...] = ()  # lists of a source that may be half as long
    _warehouse_url: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        home = Path(environ.get("ANSWERABLE_HOME") or ROOT / ".local").absolute()
        policy = environ.get("POLICY") or ROOT / "dbt_project" / "seeds" / "policy"
        return cls(
            root=ROOT,
            home=home,
            landing=environ.get("ANSWERABLE_LANDING") or str(home / "landing"),
            policy=Path(policy).absolute(),
            reports=Path(environ.get("ANSWERABLE_REPORTS") or ROOT / "reports").absolute(),
            accept_shrink=tuple(environ.get("ANSWERABLE_ACCEPT_SHRINK", "").split()),
            _warehouse_url=environ.get("ANSWERABLE_WAREHOUSE_URL") or None,
        )

    @property
    def warehouse_url(self) -> str:
        """libpq URL of the warehouse as its owner: the one named, else the embedded server's.

        Raises SettingsError when neither is there.
        """
        if self._warehouse_url:
            return self._warehouse_url
        file = self.home / "postgres" / "url"  # 0600, written when the embedded server is set up
        if not file.exists():
            raise SettingsError(
                f"no warehouse: {file} is not there and ANSWERABLE_WAREHOUSE_URL is not set; "
                "run `answerable db start` (or `make nightly`, which does) or name a PostgreSQL"
            )
        return file.read_text(encoding="utf-8").strip()

    @property
    def warehouse_names(self) -> tuple[str, str]:
        """The warehouse's database and owner, as its URL names them; the server may be down."""
        try:
            url = urlsplit(self.warehouse_url)
        except SettingsError:
            return "answerable", "answerable"  # the embedded server's, which is not made yet
        return unquote(url.path.lstrip("/")), unquote(url.username or "")

    @property
    def brands(self) -> set[str]:
        """The brands that the company has (policy file brands.csv)."""
        file = self.policy / "brands.csv"
        if not file.exists():
            return set()
        with file.open(newline="", encoding="utf-8") as handle:
            return {row["brand"] for row in csv.DictReader(handle) if row.get("brand")}

    @property
    def company_timezone(self) -> str:
        """IANA name of the zone in which the company counts its days (policy file company.csv)."""
        return self._company()["timezone"]

    @property
    def default_region(self) -> str | None:
        """Where numbers without a country's code are dialled, as GB (policy file company.csv)."""
        return (self._company().get("default_region") or "").strip().upper() or None

    def _company(self) -> dict[str, str]:
        file = self.policy / "company.csv"
        with file.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        if len(rows) != 1 or not rows[0].get("timezone"):
            raise SettingsError(f"{file}: expected one row with a timezone, found {len(rows)} rows")
        return rows[0]
