"""Numbers and measures as people and models write them, as exact values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from fractions import Fraction

LONGEST = 100
"""Characters; longer texts are no number."""

_VALUE = re.compile(
    r"(?P<sign>[-+]?)\s*(?:"
    r"\\frac\s*(?:\{\s*(?P<over>-?\d{1,15})\s*\}|(?P<over_digit>\d))"
    r"\s*(?:\{\s*(?P<under>\d{1,15})\s*\}|(?P<under_digit>\d))"
    r"|(?:(?P<ones>\d{1,9})\s+)?(?P<part>\d{1,15})\s*/\s*(?P<whole>\d{1,15})"
    r"|(?P<digits>\d{1,3}(?P<mark>[, _'\u00a0\u2009\u202f])\d{3}(?:(?P=mark)\d{3})*(?!\d)|\d+)?"
    r"(?:\.(?P<decimals>\d*))?"
    r"(?:e(?P<e>[-+]?\d{1,3})|\s*[*x]\s*10\s*(?:\^|\*\*)\s*\{?\s*(?P<power>[-+]?\d{1,3})\s*\}?)?"
    r")",
    re.IGNORECASE,
)
_MONEY_BEFORE = re.compile(r"([-+]?)\s*(?:[$€£¥₹]|(?:usd|eur|gbp)\b)\s*", re.IGNORECASE)
_IGNORED_AFTER = re.compile(r"(?:[$€£¥₹]|°|(?:dollars?|euros?|pounds sterling|usd|eur|gbp|degrees?)\b)")
_PERCENT = re.compile(r"(?:%|per\s?cent\b|pct\b)")
_SCALE = re.compile(r"(hundred|thousand|million|billion|trillion)s?\b")
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_UNIT = re.compile(
    r"(?:(?P<words>square|sq|cubic)\.?\s+)?(?P<unit>[a-zµ]+(?:/[a-z]+)?)(?:\^\{?(?P<power>[23])\}?)?\.?"
)
_SPELT = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_WORDS = {word: value for value, word in enumerate(_SPELT.split())}


def _units() -> Iterator[tuple[str, tuple[str, Fraction]]]:
    table = {
        "length": (
            ("1/1000", "mm millimeter millimetre"), ("1/100", "cm centimeter centimetre"),
            ("1", "m meter metre"), ("1000", "km kilometer kilometre"), ("0.0254", "in inch inche"),
            ("0.3048", "ft foot feet"), ("0.9144", "yd yard"), ("1609.344", "mi mile"),
        ),
        "mass": (
            ("1/1000", "mg milligram"), ("1", "g gram"), ("1000", "kg kilogram kilo"),
            ("453.59237", "lb pound"), ("28.349523125", "oz ounce"),
        ),
        "time": (
            ("1/1000", "ms millisecond"), ("1", "s sec second"), ("60", "min minute"), ("3600", "h hr hour"),
            ("86400", "day"), ("604800", "week"),
        ),
        "length3": (("1/1000000", "ml milliliter millilitre"), ("1/1000", "l liter litre")),
        "speed": (("1", "m/s"), ("5/18", "km/h kmh kph"), ("0.44704", "mph")),
    }  # fmt: skip
    for dimension, sizes in table.items():
        for size, names in sizes:
            for name in names.split():
                yield name, (dimension, Fraction(size))
                if len(name) > 1 and "/" not in name:
                    yield f"{name}s", (dimension, Fraction(size))


_UNITS: Mapping[str, tuple[str, Fraction]] = {
    # "ms" is a millisecond, not many metres.
    **dict(_units()),
    "ms": ("time", Fraction(1, 1000)),
}


def quantity(text: str) -> tuple[str, Fraction] | None:
    """The dimension ("" without a unit) and the value in its base unit; None for what is no number.

    Per cent are hundredths; marks of money and of degrees mean nothing: they never tell two answers to one
    question apart.
    """
    if len(text) > LONGEST:
        return None
    text = _MONEY_BEFORE.sub(r"\1", text.strip(), count=1)
    if text.casefold() in _WORDS:
        return "", Fraction(_WORDS[text.casefold()])
    match = _VALUE.match(text)
    value = _value(match) if match else None
    if match is None or value is None:
        return None
    rest = text[match.end() :].strip().casefold()
    scale = _SCALE.match(rest)
    if scale:
        value *= 10 ** _SCALES[scale[1]]
        rest = rest[scale.end() :].strip()
    return _measured(value, rest.removesuffix(".") if rest == "." else rest)


def _measured(value: Fraction, rest: str) -> tuple[str, Fraction] | None:
    if not rest:
        return "", value
    percent = _PERCENT.match(rest)
    ignored = percent or _IGNORED_AFTER.match(rest)
    if ignored:
        return ("", value / 100 if percent else value) if rest[ignored.end() :].strip() in ("", ".") else None
    unit = _UNIT.fullmatch(rest)
    if unit is None or unit["unit"] not in _UNITS:
        return None
    dimension, size = _UNITS[unit["unit"]]
    power = 3 if unit["words"] == "cubic" else 2 if unit["words"] else int(unit["power"] or 1)
    if power == 1:
        return dimension, value * size
    return (f"length{power}", value * size**power) if dimension == "length" else None


def _value(match: re.Match[str]) -> Fraction | None:
    over, under = match["over"] or match["over_digit"], match["under"] or match["under_digit"]
    if over is None:
        over, under = match["part"], match["whole"]
    if over is not None:
        if not int(under):
            return None
        value = int(match["ones"] or 0) + Fraction(int(over), int(under))
    elif match["digits"] or match["decimals"]:
        digits = re.sub(r"\D", "", match["digits"] or "")
        value = Fraction(f"{digits or 0}.{match['decimals'] or 0}")
        value *= Fraction(10) ** int(match["e"] or match["power"] or 0)
    else:
        return None
    return -value if match["sign"] == "-" else value


def fractions_spelt_out(text: str) -> str:
    """`½` as ` 1/2`, and raised digits as powers: `10³` as `10^{3}`."""
    text = _RAISED.sub(lambda run: f"^{{{run[0].translate(_LOWERED)}}}", text)
    return _VULGAR.sub(lambda sign: f" {unicodedata.normalize('NFKC', sign[0]).replace('⁄', '/')}", text)


_VULGAR = re.compile("[¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]")
_RAISED = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
