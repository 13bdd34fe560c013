//! Amounts, counts, measures and percentages.
//!
//! Digits are read one by one into whole numbers, never through a float, so that an amount of money is exact. A comma is
//! a thousands mark only where the groups of three prove it; a slash is never taken for a decimal mark.

use super::Value;
use super::fault::{CastFault, CastReason};

/// A number as it was written: whole part and fraction are ASCII digits without marks.
struct Written {
    negative: bool,
    whole: String,
    fraction: String,
}

/// The unit of an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Rial,
    Toman,
}

pub(super) fn money(text: &str, unit: Unit) -> Result<Value, CastFault> {
    let (own, other) = match unit {
        Unit::Rial => ("ریال", "تومان"),
        Unit::Toman => ("تومان", "ریال"),
    };
    if text.contains(other) {
        return Err(CastFault::new(
            CastReason::WrongUnit,
            format!("`{text}` names another unit of money than the one declared for the column"),
            format!("«{text}» واحد پول دیگری جز واحد تعیین‌شده برای ستون دارد ({own})"),
            "set the cast of the column to the unit it is written in: `rial` or `toman`",
            "نوع ستون را در نگاشت همان واحدی بگذارید که در آن نوشته شده است: `rial` یا `toman`",
        ));
    }
    let written = read(text, text.trim_end_matches(own).trim())?;
    if written.negative {
        return Err(CastFault::new(
            CastReason::NegativeNumber,
            format!("`{text}` is below zero; an amount of money is not"),
            format!("«{text}» منفی است؛ مبلغ نمی‌تواند منفی باشد"),
            "correct the amount in the source and export again",
            "مبلغ را در سامانه مبدأ اصلاح کنید و دوباره خروجی بگیرید",
        ));
    }
    let fraction = written.fraction.trim_end_matches('0');
    // One toman is ten rial: one decimal digit of toman is still a whole rial.
    let digits = match (unit, fraction.len()) {
        (Unit::Rial, 0) => written.whole,
        (Unit::Toman, 0) => written.whole + "0",
        (Unit::Toman, 1) => written.whole + fraction,
        _ => return Err(not_whole(text)),
    };
    digits.parse().map(Value::Integer).map_err(|_| out_of_range(text, "9223372036854775807"))
}

pub(super) fn integer(text: &str) -> Result<Value, CastFault> {
    let written = read(text, text)?;
    whole(text, &written).map(Value::Integer)
}

pub(super) fn decimal(text: &str) -> Result<f64, CastFault> {
    let written = read(text, text)?;
    let sign = if written.negative { "-" } else { "" };
    format!("{sign}{}.{}", written.whole, written.fraction + "0")
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| out_of_range(text, "1e308"))
}

pub(super) fn percent(text: &str) -> Result<Value, CastFault> {
    let bare = text.trim_matches(['%', '٪', '\u{FF05}', ' ']).trim_end_matches("درصد").trim();
    let number = whole(text, &read(text, bare)?)?;
    if (0..=100).contains(&number) { Ok(Value::Integer(number)) } else { Err(out_of_range(text, "0 to 100")) }
}

/// Whether the text is a number in scientific notation, which means that a spreadsheet has thrown digits away.
///
/// `certain` asks for a sign or a decimal mark as well, so that an honest text such as `12E3` is not taken for one.
pub(super) fn is_scientific(text: &str, certain: bool) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let all_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let signed = exponent.starts_with(['+', '-']);
    let unsigned_exponent = exponent.trim_start_matches(['+', '-']);
    let unsigned_mantissa = mantissa.trim_start_matches(['+', '-']);
    let marked = unsigned_mantissa.contains(['.', ',', '٫']);
    if !all_digits(unsigned_exponent) || certain && !signed && !marked {
        return false;
    }
    let mut digits = unsigned_mantissa.chars().filter(|c| !matches!(c, '.' | ',' | '٫')).peekable();
    digits.peek().is_some() && digits.all(|digit| digit.is_ascii_digit())
}

fn whole(text: &str, written: &Written) -> Result<i64, CastFault> {
    if !written.fraction.trim_end_matches('0').is_empty() {
        return Err(not_whole(text));
    }
    let sign = if written.negative { "-" } else { "" };
    format!("{sign}{}", written.whole).parse().map_err(|_| out_of_range(text, "9223372036854775807"))
}

/// Reads `number`; `text` is the whole cell for the message.
fn read(text: &str, number: &str) -> Result<Written, CastFault> {
    let refuse = || {
        CastFault::new(
            CastReason::NotANumber,
            format!("`{text}` is not a number that can be read without a guess"),
            format!("«{text}» عددی نیست که بتوان بی‌گمان خواند"),
            "write digits with thousands marks in groups of three or none, and `.` or `٫` before decimals",
            "عدد را با رقم و جداکننده هزارگان سه‌رقمی (یا بدون آن) بنویسید و اعشار را با «٫» یا «.» جدا کنید",
        )
    };
    let (negative, number) = match number.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = match number.split_once(['.', '٫']) {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(refuse()),
        None => (number, ""),
    };
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let groups: Vec<&str> = whole.split([',', '٬', '،', ' ', '\'', '\u{2019}']).collect();
    let grouped = groups.len() > 1;
    let sound = groups.iter().all(|group| !group.is_empty() && all_digits(group))
        && all_digits(fraction)
        && (!grouped || groups[0].len() <= 3 && groups[0] != "0" && groups[1..].iter().all(|group| group.len() == 3));
    if !sound {
        return Err(refuse());
    }
    Ok(Written { negative, whole: groups.concat(), fraction: fraction.to_owned() })
}

fn not_whole(text: &str) -> CastFault {
    CastFault::new(
        CastReason::NotAWholeNumber,
        format!("`{text}` is not a whole number"),
        format!("«{text}» عدد صحیح نیست"),
        "if the dot is a thousands mark, write `,` instead; else correct the number in the source",
        "اگر نقطه جداکننده هزارگان است به‌جای آن «٬» بنویسید؛ وگرنه عدد را در سامانه مبدأ اصلاح کنید",
    )
}

pub(super) fn out_of_range(text: &str, range: &str) -> CastFault {
    CastFault::new(
        CastReason::OutOfRange,
        format!("`{text}` is outside of what is possible here ({range})"),
        format!("«{text}» بیرون از بازه ممکن است ({range})"),
        "correct the number in the source and export again",
        "عدد را در سامانه مبدأ اصلاح کنید و دوباره خروجی بگیرید",
    )
}
