"""Regions of Fly: suggest one for another name, such as a city's."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from scorefly.problems import nearest
from scorefly.rehearsal.rules import REGIONS

# Codes of metropolitan areas, and airports that Fly has no region at, by the region of the same area.
_SAME_AREA: Mapping[str, str] = {
    "lon": "lhr",
    "lgw": "lhr",
    "par": "cdg",
    "ory": "cdg",
    "nyc": "ewr",
    "jfk": "ewr",
    "lga": "ewr",
    "was": "iad",
    "dca": "iad",
    "chi": "ord",
    "sfo": "sjc",
    "oak": "sjc",
    "tyo": "nrt",
    "hnd": "nrt",
    "sto": "arn",
    "sao": "gru",
    "yto": "yyz",
    "newyork": "ewr",
    "virginia": "iad",
}


def suggest_region(text: str, codes: Collection[str] = REGIONS) -> str:
    """Return a hint for a region that Fly does not have: the one that was probably meant, or all there are."""
    words = "".join(character for character in text.casefold() if character.isalpha())
    cities = {"".join(filter(str.isalpha, name.partition(",")[0].casefold())): code for code, name in REGIONS.items()}
    code = _SAME_AREA.get(words) or cities.get(words, "")
    if not code and len(words) == 3:  # one wrong letter
        same = {each: sum(map(str.__eq__, each, words)) for each in codes}
        code = next((each for each, letters in same.items() if letters == 2), "")
    return f"did you mean {code!r}?" if code in codes else nearest(words, codes)


def region_hint(text: str, codes: Collection[str] = REGIONS) -> str:
    """Return a hint for a region that Fly does not have: the one that was probably meant, and all there are."""
    suggestion = suggest_region(text, codes)
    everything = f"there are: {', '.join(sorted(codes))}"
    return f"{suggestion} {everything}" if suggestion.startswith("did you mean") else everything
