use super::*;

fn date(text: &str) -> Date {
    date_from_iso(text).expect("a date")
}

#[test]
fn a_day_begins_at_midnight_of_the_country_not_of_utc() {
    // 20:30 UTC is midnight in winter, 19:30 was in summer until 2022.
    let (begin, end) = day_bounds(date("2022-01-02"));
    assert_eq!(Timestamp::from_millisecond(begin.0).expect("in range").to_string(), "2022-01-01T20:30:00Z");
    assert_eq!(Timestamp::from_millisecond(end.0).expect("in range").to_string(), "2022-01-02T20:30:00Z");
    let (begin, _) = day_bounds(date("2022-07-02"));
    assert_eq!(Timestamp::from_millisecond(begin.0).expect("in range").to_string(), "2022-07-01T19:30:00Z");
}

#[test]
fn the_bounds_of_a_day_and_the_day_of_an_instant_agree() {
    for day in (18_000..26_000).map(Date) {
        let (begin, end) = day_bounds(day);
        assert_eq!(date_at(begin), day);
        assert_eq!(date_at(Millis(end.0 - 1)), day);
        assert_eq!(date_at(end), Date(day.0 + 1));
    }
}

#[test]
fn days_are_written_as_people_write_them() {
    assert_eq!(iso(Date(0)), "1970-01-01");
    assert_eq!(date("2022-03-21"), Date(19_072));
    assert_eq!(date_from_iso("2022-02-30"), None);
}

#[test]
fn instants_and_days_beyond_the_calendar_do_not_panic() {
    for edge in [i64::MIN, i64::MAX] {
        let _ = date_at(Millis(edge));
    }
    for edge in [i32::MIN, i32::MAX] {
        let _ = day_bounds(Date(edge));
        let _ = iso(Date(edge));
    }
}
