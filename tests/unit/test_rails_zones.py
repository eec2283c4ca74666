"""Rails' names of time zones and IANA's."""

import re
from zoneinfo import ZoneInfo

from answerable.settings import ROOT

MACRO = (ROOT / "dbt_project" / "macros" / "rails_zones.sql").read_text(encoding="utf-8")
ZONES = dict(re.findall(r'^    "(.+)": "(.+)",$', MACRO, re.MULTILINE))


def test_every_zone_of_rails_has_one_that_is_there():
    assert len(ZONES) == 151
    for name in ZONES.values():
        ZoneInfo(name)  # raises where the machine does not know it


def test_names_that_say_another_place_than_they_mean():
    """As Rails has them, however odd: Zendesk means what Rails means."""
    assert ZONES["New Caledonia"] == "Pacific/Noumea"
    assert ZONES["Pacific Time (US & Canada)"] == "America/Los_Angeles"
    assert ZONES["Edinburgh"] == "Europe/London"
    assert ZONES["Bern"] == "Europe/Zurich"
    assert ZONES["Astana"] == "Asia/Dhaka"
    assert ZONES["Nuku'alofa"] == "Pacific/Tongatapu"
