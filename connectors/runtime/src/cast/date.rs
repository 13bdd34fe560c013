//! Dates and times, Jalali and Gregorian, and the day numbers of spreadsheets.
//!
//! A date is read in one order only, year first, because every other order has two readings. Which day a Jalali date is
//! comes from `icu_calendar`, which offset was in force from the tz database that is compiled in (the machine's own may
//! be old: Iran gave summer time up in 1401). Nothing here knows today's date.

use std::sync::OnceLock;

use barid_schemas::case_event::Precision;
use barid_schemas::{Date, Millis};
use icu_calendar::cal::{Gregorian, Persian};
use icu_calendar::types::RataDie;
use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::fault::{CastFault, CastReason};
use super::{CastOptions, Timestamp, Value};
use crate::source::EXCEL_DATE;

/// The day number of 1970-01-01 where 0001-01-01 is 1.
const EPOCH: i64 = 719_163;

/// The day before day 1 of a spreadsheet, moved so that every date from March 1900 on is right although spreadsheets
/// believe in a 29 February 1900.
const SPREADSHEET_EPOCH: i32 = -25_569;

/// Day numbers that `excel_date` takes: from 1 March 1900 to the end of 2099.
const SPREADSHEET_DAYS: std::ops::RangeInclusive<i32> = 61..=73_050;

const JALALI_YEARS: std::ops::RangeInclusive<i32> = 1250..=1499;
const GREGORIAN_YEARS: std::ops::RangeInclusive<i32> = 1850..=2149;

const MONTHS: [(&str, &str); 12] = [
    ("Farvardin", "فروردین"),
    ("Ordibehesht", "اردیبهشت"),
    ("Khordad", "خرداد"),
    ("Tir", "تیر"),
    ("Mordad", "مرداد"),
    ("Shahrivar", "شهریور"),
    ("Mehr", "مهر"),
    ("Aban", "آبان"),
    ("Azar", "آذر"),
    ("Dey", "دی"),
    ("Bahman", "بهمن"),
    ("Esfand", "اسفند"),
];

/// The calendar that a column is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calendar {
    Jalali,
    Gregorian,
}

/// The day of a Jalali date, or `None` if the calendar does not have it.
#[must_use]
pub fn jalali(year: i32, month: u8, day: u8) -> Option<Date> {
    let date = icu_calendar::Date::try_new(year.into(), icu_calendar::types::Month::new(month), day, Persian).ok()?;
    days(date.to_rata_die())
}

/// Year, month and day of a day in the Jalali calendar.
#[must_use]
pub fn to_jalali(date: Date) -> (i32, u8, u8) {
    let date = icu_calendar::Date::from_rata_die(RataDie::new(i64::from(date.0) + EPOCH), Persian);
    (date.year().extended_year(), date.month().ordinal, date.day_of_month().0)
}

/// The day of a Gregorian date, or `None` if the calendar does not have it.
#[must_use]
pub fn gregorian(year: i32, month: u8, day: u8) -> Option<Date> {
    let date = icu_calendar::Date::try_new(year.into(), icu_calendar::types::Month::new(month), day, Gregorian).ok()?;
    days(date.to_rata_die())
}

fn days(day: RataDie) -> Option<Date> {
    i32::try_from(day.to_i64_date() - EPOCH).ok().map(Date)
}

/// The first instant of a local day in Iran, with precision `day`. It is 01:00 where summer time began at midnight.
#[must_use]
pub fn start_of_day(date: Date) -> Timestamp {
    let midnight = i64::from(date.0) * 86_400_000;
    let (offset_minutes, gap_minutes) =
        match civil(midnight).map(|local| tehran().to_ambiguous_timestamp(local).offset()) {
            Some(AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. }) => {
                (offset.seconds() / 60, 0)
            }
            Some(AmbiguousOffset::Gap { before, after }) => {
                (after.seconds() / 60, (after.seconds() - before.seconds()) / 60)
            }
            // A day beyond the year 9999, which no cast lets through.
            None => (210, 0),
        };
    Timestamp {
        at: Millis(midnight + i64::from(gap_minutes - offset_minutes) * 60_000),
        utc_offset_minutes: offset_minutes,
        precision: Precision::Day,
    }
}

fn tehran() -> &'static TimeZone {
    static TEHRAN: OnceLock<TimeZone> = OnceLock::new();
    TEHRAN.get_or_init(|| {
        TimeZoneDatabase::bundled().get("Asia/Tehran").expect("the compiled-in tz database has Asia/Tehran")
    })
}

/// The wall time that is this many milliseconds after 1970-01-01T00:00 on the wall.
fn civil(wall_ms: i64) -> Option<DateTime> {
    jiff::Timestamp::from_millisecond(wall_ms).ok().map(|at| jiff::tz::Offset::UTC.to_datetime(at))
}

pub(super) fn date(text: &str, calendar: Calendar, options: &CastOptions) -> Result<Value, CastFault> {
    let (day, rest) = day(text, calendar, options)?;
    match rest {
        None => Ok(Value::Date(day)),
        // What databases write for a day.
        Some(time) if read_time(text, time)?.time == Time::midnight() => Ok(Value::Date(day)),
        Some(_) => Err(CastFault::new(
            CastReason::NotADate,
            format!("`{text}` has a time of day, but the column is declared to hold dates"),
            format!("«{text}» ساعت هم دارد، ولی ستون فقط تاریخ اعلام شده است"),
            "declare the column as `jalali_timestamp` or `gregorian_timestamp`",
            "نوع ستون را در نگاشت `jalali_timestamp` یا `gregorian_timestamp` بگذارید",
        )),
    }
}

pub(super) fn timestamp(text: &str, calendar: Calendar, options: &CastOptions) -> Result<Value, CastFault> {
    let (day, rest) = day(text, calendar, options)?;
    let Some(rest) = rest else { return Ok(Value::Timestamp(start_of_day(day))) };
    let read = read_time(text, rest)?;
    let wall_ms = i64::from(day.0) * 86_400_000 + i64::from(milliseconds_of(read.time));
    let offset_minutes = match read.offset_minutes {
        Some(offset_minutes) => offset_minutes,
        None => match civil(wall_ms).map(|local| tehran().to_ambiguous_timestamp(local).offset()) {
            // Of the hour that the clocks showed twice the first one is taken, as databases and `java.time` do.
            Some(AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. }) => {
                offset.seconds() / 60
            }
            // Midnight that the clocks skipped stands for the day.
            Some(AmbiguousOffset::Gap { .. }) if read.time == Time::midnight() => {
                return Ok(Value::Timestamp(Timestamp { precision: Precision::Second, ..start_of_day(day) }));
            }
            Some(AmbiguousOffset::Gap { .. }) | None => {
                return Err(CastFault::new(
                    CastReason::SkippedTime,
                    format!("`{text}` never was: the clocks were put forward over it when summer time began"),
                    format!("«{text}» وجود نداشته است: در آغاز ساعت تابستانی ساعت‌ها یک ساعت جلو کشیده شد"),
                    "export the time with its offset, such as `+03:30`",
                    "زمان را همراه اختلاف ساعت خروجی بگیرید، مانند `‎+03:30`",
                ));
            }
        },
    };
    Ok(Value::Timestamp(Timestamp {
        at: Millis(wall_ms - i64::from(offset_minutes) * 60_000),
        utc_offset_minutes: offset_minutes,
        precision: Precision::Second,
    }))
}

/// The day number of a spreadsheet whose cell has lost its date format. A cell that kept it is read as well.
pub(super) fn excel_date(text: &str) -> Result<Value, CastFault> {
    if let Some(iso) = text.strip_prefix(EXCEL_DATE) {
        return excel_day(text, iso).map(|(day, _)| Value::Date(day));
    }
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| if is_digits(fraction) { whole } else { text });
    match whole.parse::<i32>() {
        Ok(serial) if is_digits(whole) && SPREADSHEET_DAYS.contains(&serial) => {
            Ok(Value::Date(Date(SPREADSHEET_EPOCH + serial)))
        }
        _ => Err(CastFault::new(
            CastReason::NotADate,
            format!("`{text}` is not a day number of a spreadsheet"),
            format!("«{text}» شماره روز اکسل نیست"),
            "declare the column as `jalali_date` or `gregorian_date`, or export it as text",
            "نوع ستون را در نگاشت `jalali_date` یا `gregorian_date` بگذارید یا ستون را به‌صورت متن خروجی بگیرید",
        )),
    }
}

/// The day that the text begins with, and what follows it.
fn day<'t>(text: &'t str, calendar: Calendar, options: &CastOptions) -> Result<(Date, Option<&'t str>), CastFault> {
    if let Some(iso) = text.strip_prefix(EXCEL_DATE) {
        if options.century.is_some() && calendar == Calendar::Jalali {
            return Err(CastFault::new(
                CastReason::ExcelTookIt,
                format!("`{text}` is a date of Excel in a column of two-digit Jalali years: Excel has misread it"),
                format!("«{text}» را اکسل تاریخ میلادی پنداشته است، ولی سال‌های این ستون دورقمی شمسی است"),
                "format the column as text in Excel and write the year with four digits",
                "قالب ستون را در اکسل «متن» بگذارید و سال را چهاررقمی بنویسید",
            ));
        }
        return excel_day(text, iso);
    }
    let (date, rest) = match text.split_once([' ', 'T', 't']) {
        Some((date, rest)) => (date, Some(rest.trim())),
        None => (text, None),
    };
    let parts = parts(date).ok_or_else(|| not_a_date(text, calendar))?;
    let (year, month, day) = match parts {
        Parts::Serial => return Err(serial(text)),
        Parts::Date { year, month, day } => (year, month, day),
    };
    let year = match (year.len(), calendar, options.century) {
        (4, ..) => number(year),
        (2, Calendar::Jalali, Some(century)) => i32::from(century) + number(year),
        (2, ..) => return Err(two_digits(text, calendar)),
        _ => return Err(not_a_date(text, calendar)),
    };
    let (own, other) = match calendar {
        Calendar::Jalali => (&JALALI_YEARS, &GREGORIAN_YEARS),
        Calendar::Gregorian => (&GREGORIAN_YEARS, &JALALI_YEARS),
    };
    if other.contains(&year) {
        return Err(wrong_calendar(text, calendar));
    }
    if !own.contains(&year) {
        return Err(not_a_date(text, calendar));
    }
    let (month, day) = (number(month), number(day));
    let found = match (calendar, u8::try_from(month), u8::try_from(day)) {
        // The calendar crate may know months beyond the twelfth of other calendars; this one has twelve.
        (_, Ok(0 | 13..), _) => None,
        (Calendar::Jalali, Ok(month), Ok(day)) => jalali(year, month, day),
        (Calendar::Gregorian, Ok(month), Ok(day)) => gregorian(year, month, day),
        _ => None,
    };
    found.map(|found| (found, rest)).ok_or_else(|| impossible(text, calendar, year, month))
}

/// A cell that Excel itself holds as a date is a Gregorian day, whatever calendar the column is in.
fn excel_day<'t>(text: &str, iso: &'t str) -> Result<(Date, Option<&'t str>), CastFault> {
    let (date, time) = iso.split_once('T').map_or((iso, None), |(date, time)| (date, Some(time)));
    let Some(Parts::Date { year, month, day }) = parts(date) else { return Err(not_a_date(text, Calendar::Gregorian)) };
    let (year, month, day) = (number(year), number(month), number(day));
    u8::try_from(month)
        .ok()
        .zip(u8::try_from(day).ok())
        .and_then(|(month, day)| gregorian(year, month, day))
        .filter(|_| GREGORIAN_YEARS.contains(&year))
        .map(|day| (day, time))
        .ok_or_else(|| impossible(text, Calendar::Gregorian, year, month))
}

/// The pieces of a date, digits only.
enum Parts<'t> {
    Date {
        year: &'t str,
        month: &'t str,
        day: &'t str,
    },
    /// A number of five digits, with or without a fraction: the day number of a spreadsheet.
    Serial,
}

fn parts(date: &str) -> Option<Parts<'_>> {
    for separator in ['/', '-', '.'] {
        let pieces: Vec<&str> = date.split(separator).collect();
        if let [year, month, day] = pieces[..] {
            let sound = [year, month, day].iter().all(|piece| is_digits(piece)) && month.len() <= 2 && day.len() <= 2;
            return sound.then_some(Parts::Date { year, month, day });
        }
    }
    let whole = date.split_once('.').map_or(date, |(whole, fraction)| if is_digits(fraction) { whole } else { date });
    if !is_digits(whole) {
        return None;
    }
    match (whole.len(), date.len()) {
        (8, 8) => Some(Parts::Date { year: &date[..4], month: &date[4..6], day: &date[6..] }),
        (5, _) => Some(Parts::Serial),
        _ => None,
    }
}

struct ReadTime {
    time: Time,
    offset_minutes: Option<i32>,
}

/// `9:12`, `09:12:44`, `09:12:44.123`, then perhaps `Z`, `+03:30`, `AM`, `ق.ظ`.
fn read_time(text: &str, rest: &str) -> Result<ReadTime, CastFault> {
    let refuse = || {
        CastFault::new(
            CastReason::ImpossibleTime,
            format!("`{text}` has no time of day that can be read"),
            format!("ساعت «{text}» خوانده نمی‌شود"),
            "write the time as `09:12` or `09:12:44`",
            "ساعت را به شکل `09:12` یا `09:12:44` بنویسید",
        )
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(rest.len());
    let (clock, tail) = rest.split_at(end);
    let (seconds_and_above, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let pieces: Vec<&str> = seconds_and_above.split(':').collect();
    if !(2..=3).contains(&pieces.len())
        || pieces.iter().any(|piece| !is_digits(piece) || piece.len() > 2)
        || !fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(refuse());
    }
    let mut hour = number(pieces[0]);
    let mut offset_minutes = None;
    match tail.trim().to_ascii_uppercase().as_str() {
        "" => {}
        "AM" | "ق.ظ" | "ق.ظ." | "ق ظ" | "قبل از ظهر" if (1..=12).contains(&hour) => hour %= 12,
        "PM" | "ب.ظ" | "ب.ظ." | "ب ظ" | "بعد از ظهر" if (1..=12).contains(&hour) => hour = hour % 12 + 12,
        "Z" => offset_minutes = Some(0),
        offset => offset_minutes = Some(read_offset(offset).ok_or_else(refuse)?),
    }
    let second = pieces.get(2).map_or(0, |piece| number(piece));
    let millisecond = number(&format!("{fraction:0<3}")[..3]);
    // The pieces have at most two digits, so they fit.
    let time = Time::new(hour as i8, number(pieces[1]) as i8, second as i8, millisecond * 1_000_000);
    Ok(ReadTime { time: time.map_err(|_| refuse())?, offset_minutes })
}

/// `+03:30`, `+0330`, `+3:30`.
fn read_offset(offset: &str) -> Option<i32> {
    let (sign, digits) = match offset.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(pieces) => pieces,
        None => digits.split_at_checked(2)?,
    };
    let sound = is_digits(hours) && hours.len() <= 2 && is_digits(minutes) && minutes.len() == 2;
    let (hours, minutes) = if sound { (number(hours), number(minutes)) } else { return None };
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn milliseconds_of(time: Time) -> i32 {
    let seconds = (i32::from(time.hour()) * 60 + i32::from(time.minute())) * 60 + i32::from(time.second());
    seconds * 1000 + time.subsec_nanosecond() / 1_000_000
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Of at most four ASCII digits.
fn number(digits: &str) -> i32 {
    digits.parse().unwrap_or(0)
}

fn example(calendar: Calendar) -> &'static str {
    match calendar {
        Calendar::Jalali => "1401/07/12",
        Calendar::Gregorian => "2022-10-04",
    }
}

fn not_a_date(text: &str, calendar: Calendar) -> CastFault {
    let example = example(calendar);
    CastFault::new(
        CastReason::NotADate,
        format!("`{text}` is not a date that can be read without a guess"),
        format!("«{text}» تاریخی نیست که بتوان بی‌گمان خواند"),
        format!("write year, month and day in this order, such as `{example}`"),
        format!("سال، ماه و روز را به همین ترتیب بنویسید، مانند `{example}`"),
    )
}

fn two_digits(text: &str, calendar: Calendar) -> CastFault {
    let (cure_en, cure_fa) = match calendar {
        Calendar::Jalali => (
            "declare `century = 1300` or `century = 1400` for the column, or write the year with four digits",
            "در نگاشت ستون `century = 1300` یا `century = 1400` بنویسید یا سال را چهاررقمی بنویسید",
        ),
        Calendar::Gregorian => ("write the year with four digits", "سال را چهاررقمی بنویسید"),
    };
    CastFault::new(
        CastReason::TwoDigitYear,
        format!("the year of `{text}` has two digits and nothing says of which century"),
        format!("سال «{text}» دورقمی است و معلوم نیست از کدام سده است"),
        cure_en,
        cure_fa,
    )
}

fn wrong_calendar(text: &str, calendar: Calendar) -> CastFault {
    let (en, fa, other) = match calendar {
        Calendar::Jalali => (
            "Gregorian, but the column is declared to hold Jalali dates",
            "میلادی است، ولی ستون شمسی اعلام شده است",
            "gregorian",
        ),
        Calendar::Gregorian => (
            "Jalali, but the column is declared to hold Gregorian dates",
            "شمسی است، ولی ستون میلادی اعلام شده است",
            "jalali",
        ),
    };
    CastFault::new(
        CastReason::WrongCalendar,
        format!("`{text}` is {en}"),
        format!("«{text}» {fa}"),
        format!("declare the column as `{other}_date` or `{other}_timestamp`, or correct the date in the source"),
        format!(
            "نوع ستون را در نگاشت `{other}_date` یا `{other}_timestamp` بگذارید یا تاریخ را در سامانه مبدأ اصلاح کنید"
        ),
    )
}

fn serial(text: &str) -> CastFault {
    CastFault::new(
        CastReason::ExcelSerial,
        format!("`{text}` is no date; it may be the day number of a spreadsheet cell that has lost its format"),
        format!("«{text}» تاریخ نیست؛ شاید شماره روز اکسل باشد که قالب تاریخ آن از دست رفته است"),
        "export the column as text, or declare it as `excel_date`",
        "ستون را به‌صورت متن خروجی بگیرید یا نوع آن را در نگاشت `excel_date` بگذارید",
    )
}

fn impossible(text: &str, calendar: Calendar, year: i32, month: i32) -> CastFault {
    let known = usize::try_from(month - 1).ok().filter(|_| calendar == Calendar::Jalali).and_then(|m| MONTHS.get(m));
    let (en, fa) = match known {
        Some((month_en, month_fa)) => {
            let longest = (29..=31).rev().find(|day| jalali(year, month as u8, *day).is_some()).unwrap_or(29);
            (
                format!("`{text}` is impossible: {month_en} {year} has {longest} days"),
                format!("تاریخ «{text}» ناممکن است: {month_fa} سال {year} فقط {longest} روز دارد"),
            )
        }
        None => (
            format!("`{text}` is impossible: the calendar has no such day"),
            format!("تاریخ «{text}» ناممکن است: چنین روزی در تقویم نیست"),
        ),
    };
    CastFault::new(
        CastReason::ImpossibleDate,
        en,
        fa,
        "look the date up in the paper, correct it in the source and export again",
        "تاریخ را از روی سند پیدا کنید، در سامانه مبدأ اصلاح کنید و دوباره خروجی بگیرید",
    )
}
