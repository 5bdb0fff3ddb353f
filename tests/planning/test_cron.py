"""When cron expressions come: the rules for clock changes, and an oracle that looks at every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cellmill.definitions.cron import parse_cron, union_ticks
from cellmill.definitions.local_time import at_epoch, load_zone, local_epoch
from cellmill.errors import InvalidCronError, InvalidDefinitionError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.work import calls


def first_ticks(cron: str, zone: str, start: str, count: int) -> list[str]:
    """The first instants at or after a wall-clock time, written in UTC."""
    tz = load_zone(zone)
    ticks = parse_cron(cron).ticks(local_epoch(datetime.fromisoformat(start), tz) - 1, tz)
    return [datetime.fromtimestamp(next(ticks), UTC).strftime("%d %H:%M") for _ in range(count)]


@pytest.mark.parametrize(
    ("cron", "zone", "start", "expected"),
    [
        # a time in the gap runs once, at the first instant after the gap
        ("30 2 * * *", "Europe/Berlin", "2024-03-30", ["30 01:30", "31 01:00", "01 00:30"]),
        ("0 2 * * *", "Australia/Lord_Howe", "2024-10-05", ["04 15:30", "05 15:30", "06 15:00"]),
        ("0 0 * * *", "America/Santiago", "2024-09-07", ["07 04:00", "08 04:00", "09 03:00"]),
        ("0,30 2 * * *", "Europe/Berlin", "2024-03-31", ["31 01:00", "01 00:00", "01 00:30"]),
        ("0 */2 * * *", "Europe/Berlin", "2024-03-31", ["30 23:00", "31 01:00", "31 02:00"]),
        # a time that comes twice runs once, the first time
        ("30 2 * * *", "Europe/Berlin", "2024-10-26", ["26 00:30", "27 00:30", "28 01:30"]),
        ("30 1 * * *", "America/Chicago", "2021-11-06", ["06 06:30", "07 06:30", "08 07:30"]),
        # hourly and finer run in every real hour
        ("0 * * * *", "Europe/Berlin", "2024-10-27T01:00", ["26 23:00", "27 00:00", "27 01:00", "27 02:00"]),
        ("0 * * * *", "Europe/Berlin", "2024-03-31T01:00", ["31 00:00", "31 01:00", "31 02:00"]),
        ("*/30 * * * *", "Australia/Lord_Howe", "2024-04-07T01:00", ["06 14:00", "06 14:30", "06 15:00", "06 15:30"]),
        # the hour before midnight comes again, on the same day
        ("0 * * * 6", "America/Coyhaique", "1975-03-08T22:00", ["09 01:00", "09 02:00", "09 03:00", "15 04:00"]),
        # weekly and monthly
        ("30 2 * * 0", "Europe/Berlin", "2024-10-20", ["20 00:30", "27 00:30", "03 01:30"]),
        ("30 2 31 * *", "Europe/Berlin", "2024-03-01", ["31 01:00", "31 00:30", "31 00:30"]),
    ],
)
def test_clock_changes(cron: str, zone: str, start: str, expected: list[str]) -> None:
    """The rules of the documentation, case by case."""
    assert expected == first_ticks(cron, zone, start, len(expected))


@pytest.mark.parametrize(
    ("alias", "fields"), [("@daily", "0 0 * * *"), ("@HOURLY", "0 * * * *"), ("@weekly", "0 0 * * 0")]
)
def test_aliases_and_names(alias: str, fields: str) -> None:
    """Aliases and names of days and months mean what they say."""
    assert fields == parse_cron(alias).fields
    assert first_ticks("0 6 * jan mon-fri", "UTC", "2024-01-05", 2) == ["05 06:00", "08 06:00"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0 0 31 2 *", "last day of the month"),
        ("0 0 30 2 *", "last day of the month"),
        ("0 0 */29 2 MON#5", "never comes"),
        ("* * * * * *", "write five"),
        ("* * * *", "write five"),
        ("", "write five"),
        ("x" * 200, "characters"),
        ("1," * 99 + "1 * * * *", "characters"),
        ("61 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("*/0 * * * *", "minute"),
        ("0 0 * * FUN", "day of week"),
        ("0 0 ? * *", "write '\\*'"),
        ("@reboot", "aliases are"),
        ("0 0 * * 99999999999999999999", "day of week"),
        ("0 0 1-0 * *", "day of month"),
    ],
)
def test_bad_expressions_are_refused_at_once(text: str, hint: str) -> None:
    """Impossible and hostile expressions are refused where they are declared, with a hint and little work."""

    def refused() -> None:
        with pytest.raises(InvalidCronError, match=hint):
            parse_cron.__wrapped__(text)

    assert calls(refused) < 5000


@settings(max_examples=examples(300))
@given(st.text(alphabet="0123456789*/,-LW#@ MONJAN?\n", max_size=60))
def test_any_text_is_a_schedule_or_a_definition_error(text: str) -> None:
    """Nothing else can come out of an expression, and not after any amount of work."""

    def read() -> None:
        try:
            cron = parse_cron.__wrapped__(text)
        except InvalidDefinitionError:
            return
        assert cron.next(0, ZoneInfo("UTC")) > 0

    assert calls(read) < 1_000_000


def oracle(cron: str, zone: ZoneInfo, start: datetime, minutes: int) -> list[int]:
    """Every tick in a span, found by walking over every minute and looking at the clock on the wall."""
    parts = cron.split()
    every_hour = parts[1] in ("*", "0-23")

    def matches(wall: datetime) -> bool:
        fields = (wall.minute, wall.hour, wall.day, wall.month, (wall.weekday() + 1) % 7)
        return all(_field(part, value) for part, value in zip(parts, fields, strict=True))

    found = []
    latest = (start - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
    for minute in range(minutes):
        instant = start + timedelta(minutes=minute)
        wall = instant.astimezone(zone).replace(tzinfo=None, fold=0)
        if every_hour:
            hit = matches(wall)
        else:
            # All wall-clock minutes that the clock reaches or jumps over for the first time.
            skipped = [latest + timedelta(minutes=n) for n in range(1, int((wall - latest).total_seconds() // 60) + 1)]
            hit = any(matches(one) for one in skipped)
        latest = max(latest, wall)
        if hit:
            found.append(int(instant.timestamp()))
    return found


def _field(part: str, value: int) -> bool:
    for item in part.split(","):
        base, _, step = item.partition("/")
        low, _, high = base.partition("-")
        if base == "*":
            if value % int(step or 1) == 0:
                return True
        elif int(low) <= value <= int(high or low):
            return True
    return False


MINUTES = st.sampled_from(["0", "30", "15", "59", "*/30", "*/20", "0,45", "*/7"])
HOURS = st.sampled_from(["*", "0", "1", "2", "3", "23", "*/2", "*/6", "1,2,3", "0-4", "0-23"])
DOW = st.sampled_from(["*", "0", "6", "1-5"])


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone of the tz database and a moment shortly before one of its clock changes, or anywhere where it has none."""
    name = draw(st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})))
    zone = ZoneInfo(name)
    year = draw(st.integers(1975, 2036))
    at = datetime(year, 1, 1, tzinfo=UTC)
    changes = []
    for day in range(366):
        here, there = at + timedelta(days=day), at + timedelta(days=day + 1)
        if here.astimezone(zone).utcoffset() != there.astimezone(zone).utcoffset():
            changes.append(here)
    return zone, draw(st.sampled_from(changes)) - timedelta(hours=6) if changes else at


@settings(max_examples=examples(120))
@given(place=near_a_change(), minute=MINUTES, hour=HOURS, dow=DOW)
def test_every_zone_and_change_agrees_with_the_oracle(
    place: tuple[ZoneInfo, datetime], minute: str, hour: str, dow: str
) -> None:
    """Around any clock change of any zone, forwards and backwards.

    The ticks are those that a look at every minute finds.
    """
    zone, start = place
    offsets = {(start + timedelta(hours=n)).astimezone(zone).utcoffset() for n in range(-30, 60)}
    if any(offset is None or offset.seconds % 60 for offset in offsets):
        return  # offsets with seconds are not on the minutes that the oracle walks over
    cron, span = f"{minute} {hour} * * {dow}", 48 * 60
    end = (start + timedelta(minutes=span - 1)).timestamp()
    expected = oracle(cron, zone, start, span)
    parsed = parse_cron(cron)
    found = []
    for tick in parsed.ticks(start.timestamp() - 1, zone):
        if tick > end:
            break
        found.append(tick)

    assert expected == found
    backwards = []
    for tick in parsed.ticks_back(end, zone):
        if tick < start.timestamp():
            break
        backwards.append(tick)
    assert expected == backwards[::-1]


def test_several_expressions_make_one_sequence() -> None:
    """Ticks of a union rise strictly, and one that two expressions share comes once."""
    zone = load_zone("Europe/Berlin")
    union = union_ticks([parse_cron("0 * * * *"), parse_cron("*/30 * * * *")], 1_700_000_000, zone)
    ticks = [next(union) for _ in range(100)]

    assert ticks == sorted(set(ticks))
    assert at_epoch(ticks[1], zone) - at_epoch(ticks[0], zone) == timedelta(minutes=30)
