//! Days and instants: on which day of the permits an instant falls.
//!
//! A permit is written by people of one country, and its dates are days of that country. The zone's rules are compiled in,
//! so that the same instant falls on the same day on every machine.

use std::sync::LazyLock;

use barid_schemas::{Date, Millis};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, civil};

/// The zone of the dates in a policy. Changing it moves the hour at which every permit begins and ends.
const ZONE: &str = "Asia/Tehran";

static TIME_ZONE: LazyLock<TimeZone> = LazyLock::new(|| TimeZoneDatabase::bundled().get(ZONE).unwrap_or(TimeZone::UTC));

const EPOCH: civil::Date = civil::date(1970, 1, 1);

/// The day of the permits on which `instant` falls.
#[must_use]
pub fn date_at(instant: Millis) -> Date {
    let far = if instant.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let timestamp = Timestamp::from_millisecond(instant.0).unwrap_or(far);
    from_civil(timestamp.to_zoned_datetime(TIME_ZONE.clone()).date())
}

/// The date written as `2022-03-21`.
#[must_use]
pub fn date_from_iso(text: &str) -> Option<Date> {
    text.parse().ok().map(from_civil)
}

/// The instants at which the day begins and at which the next day begins.
pub(crate) fn day_bounds(date: Date) -> (Millis, Millis) {
    let Some(day) = to_civil(date) else {
        // Beyond the calendar: a permit that never began or never ends.
        let edge = if date.0 < 0 { i64::MIN } else { i64::MAX };
        return (Millis(edge), Millis(edge));
    };
    let begin = |day: civil::Date| {
        day.to_zoned_datetime(TIME_ZONE.clone())
            .and_then(|zoned| zoned.start_of_day())
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    let first = begin(day).map_or(i64::MIN, Timestamp::as_millisecond);
    let next = day.tomorrow().ok().and_then(begin).map_or(i64::MAX, Timestamp::as_millisecond);
    (Millis(first), Millis(next))
}

pub(crate) fn from_civil(date: civil::Date) -> Date {
    let days = EPOCH.until(date).map_or(0, |span| span.get_days());
    Date(days)
}

pub(crate) fn to_civil(date: Date) -> Option<civil::Date> {
    EPOCH.checked_add(Span::new().try_days(date.0).ok()?).ok()
}

/// The date as `2022-03-21`.
pub(crate) fn iso(date: Date) -> String {
    to_civil(date).map_or_else(|| format!("day {}", date.0), |day| day.to_string())
}

#[cfg(test)]
mod tests;
