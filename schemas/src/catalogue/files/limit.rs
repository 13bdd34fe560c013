//! Time limits as they are written: `3wd`, `60d`, `60d from submitted`, or words.

use crate::catalogue::TimeLimit;

/// Reads a limit. Text that begins like a limit with a clock but is none is refused rather than taken for words: no clock
/// would run where somebody meant one.
pub(super) fn parse(text: &str) -> Result<TimeLimit, &'static str> {
    let text = text.trim();
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let digits = first.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = first.split_at(digits);
    let rest = rest.trim();
    let from_state = match rest.strip_prefix("from ") {
        // One word is a status; several are a sentence.
        Some(state) if !state.trim().contains(' ') => Some(state.trim().to_owned()),
        _ => None,
    };
    let has_clock = rest.is_empty() || from_state.is_some();
    match (number, unit) {
        ("", "") => Err("it is empty"),
        ("", _) => Ok(TimeLimit::Words(text.to_owned())),
        (_, "d" | "wd") if has_clock => {
            let days = number.parse().map_err(|_| "the number is too large")?;
            Ok(match unit {
                "wd" => TimeLimit::WorkingDays { days, from_state },
                _ => TimeLimit::Days { days, from_state },
            })
        }
        (_, "") if matches!(rest, "d" | "wd") => Err("there is a blank before the unit"),
        (_, "") if rest.is_empty() => Err("it has no unit"),
        (_, _) if has_clock => Err("the unit is neither `d` nor `wd`"),
        _ => Ok(TimeLimit::Words(text.to_owned())),
    }
}

/// The status from which a limit is counted, if it is not the one before.
pub(super) fn counted_from(limit: &TimeLimit) -> Option<&str> {
    match limit {
        TimeLimit::Days { from_state, .. } | TimeLimit::WorkingDays { from_state, .. } => from_state.as_deref(),
        TimeLimit::Words(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<TimeLimit, &'static str>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn days_and_working_days_are_read_with_the_status_they_count_from() {
        check("0d", Ok(TimeLimit::Days { days: 0, from_state: None }));
        check("60d", Ok(TimeLimit::Days { days: 60, from_state: None }));
        check("3wd", Ok(TimeLimit::WorkingDays { days: 3, from_state: None }));
        check("60d from submitted", Ok(TimeLimit::Days { days: 60, from_state: Some("submitted".to_owned()) }));
    }

    #[test]
    fn what_no_clock_can_run_on_stays_in_words() {
        for words in [
            "seconds",
            "6 months",
            "10d passed",
            "60d before expiry",
            "7d from stopping the works",
            "3wd (report valid 6 months)",
            "24 h to 90 d by purpose",
        ] {
            check(words, Ok(TimeLimit::Words(words.to_owned())));
        }
    }

    #[test]
    fn a_slip_in_a_limit_is_refused_and_not_taken_for_words() {
        check("", Err("it is empty"));
        check("3", Err("it has no unit"));
        check("3 wd", Err("there is a blank before the unit"));
        check("3dw", Err("the unit is neither `d` nor `wd`"));
        check("3days from submitted", Err("the unit is neither `d` nor `wd`"));
        check("99999999999d", Err("the number is too large"));
    }
}
