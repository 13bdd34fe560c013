//! Where a parcel is: registry plate and UTM coordinates.

use std::ops::RangeInclusive;

use super::fault::{CastFault, CastReason};
use super::{CastOptions, Plate, Value, number};

/// WGS84, zone 39N: Mazandaran from its western to its eastern border.
const EAST_IN_39: RangeInclusive<f64> = 430_000.0..=770_000.0;

/// The same parcels seen from zone 40N: the strip around 54° E.
const EAST_IN_40: RangeInclusive<f64> = 160_000.0..=300_000.0;

const NORTH: RangeInclusive<f64> = 3_955_000.0..=4_095_000.0;

/// The zones that Iran lies in.
const ZONES: RangeInclusive<i64> = 38..=41;

pub(super) fn utm_zone(text: &str) -> Result<Value, CastFault> {
    let digits = text.trim_end_matches(['N', 'n']).trim_end_matches("شمالی").trim();
    match digits.parse::<i64>() {
        Ok(zone) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            if ZONES.contains(&zone) {
                Ok(Value::Integer(zone))
            } else {
                Err(number::out_of_range(text, "38 to 41"))
            }
        }
        _ => Err(CastFault::new(
            CastReason::WrongPattern,
            format!("`{text}` is not a UTM zone"),
            format!("«{text}» زون UTM نیست"),
            "write the zone as `39` or `39N`",
            "زون را به شکل `39` یا `39N` بنویسید",
        )),
    }
}

pub(super) fn utm_e(text: &str, options: &CastOptions) -> Result<Value, CastFault> {
    let range = if options.utm_zone == Some(40) { EAST_IN_40 } else { EAST_IN_39 };
    coordinate(text, range, NORTH, ("easting (X)", "مختصات شرقی (X)"))
}

pub(super) fn utm_n(text: &str) -> Result<Value, CastFault> {
    // Any easting of any zone is far below every northing here.
    coordinate(text, NORTH, *EAST_IN_40.start()..=*EAST_IN_39.end(), ("northing (Y)", "مختصات شمالی (Y)"))
}

fn coordinate(
    text: &str,
    own: RangeInclusive<f64>,
    other: RangeInclusive<f64>,
    (name_en, name_fa): (&str, &str),
) -> Result<Value, CastFault> {
    let metres = number::decimal(text)?;
    if own.contains(&metres) {
        return Ok(Value::Decimal(metres));
    }
    if other.contains(&metres) {
        return Err(CastFault::new(
            CastReason::SwappedCoordinates,
            format!("`{text}` cannot be the {name_en}: X and Y have changed places"),
            format!("«{text}» {name_fa} نیست: X و Y جابه‌جا شده‌اند"),
            "swap the two columns in the mapping, or the two values in the source",
            "جای دو ستون را در نگاشت یا جای دو مقدار را در سامانه مبدأ عوض کنید",
        ));
    }
    let (low, high) = (own.start(), own.end());
    Err(number::out_of_range(text, &format!("{low} to {high} m")))
}

/// `۱۲/۳۴۵ بخش ۴ كجور`, `345 فرعی از 12 اصلی بخش 4`, `12/345`.
///
/// Main stands before sub. A plate that was turned round while it was copied looks the same as one that was not; it
/// cannot be told here.
pub(super) fn plate(text: &str) -> Result<Value, CastFault> {
    let refuse = || {
        CastFault::new(
            CastReason::WrongPattern,
            format!("`{text}` is not a registry plate that can be read without a guess"),
            format!("«{text}» پلاک ثبتی‌ای نیست که بتوان بی‌گمان خواند"),
            "write main plate, slash, sub plate, then section and district: `12/345 بخش 4 کجور`",
            "اصلی، خط کج، فرعی و سپس بخش و ناحیه را بنویسید: `12/345 بخش 4 کجور`",
        )
    };
    let spaced = spaced(text);
    let mut tokens: &[&str] = &spaced.split(' ').filter(|token| !token.is_empty()).collect::<Vec<_>>();
    while let ["پلاک" | "ثبتی" | ":" | "شماره", rest @ ..] = tokens {
        tokens = rest;
    }
    let is_number = |token: &str| token.bytes().all(|byte| byte.is_ascii_digit());
    let (main, sub) = match tokens {
        [sub, "فرعی", "از", main, rest @ ..] if is_number(sub) && is_number(main) => {
            tokens = rest;
            (*main, Some(*sub))
        }
        [main, "/", sub, rest @ ..] if is_number(main) && is_number(sub) => {
            tokens = rest;
            (*main, Some(*sub))
        }
        [main, rest @ ..] if is_number(main) => {
            tokens = rest;
            (*main, None)
        }
        _ => return Err(refuse()),
    };
    while let ["اصلی" | "،" | "," | "-", rest @ ..] = tokens {
        tokens = rest;
    }
    let section = match tokens {
        ["بخش", section, rest @ ..] if is_number(section) => {
            tokens = rest;
            Some((*section).to_owned())
        }
        ["بخش", ..] => return Err(refuse()),
        _ => None,
    };
    while let ["،" | "," | "-", rest @ ..] = tokens {
        tokens = rest;
    }
    // A further number or slash means that something was read wrong, such as a plate of three levels.
    if tokens.contains(&"/") || tokens.first().is_some_and(|token| is_number(token)) {
        return Err(refuse());
    }
    let district = (!tokens.is_empty()).then(|| tokens.join(" "));
    let bare = |digits: &str| Some(digits.trim_start_matches('0').to_owned()).filter(|digits| !digits.is_empty());
    let main = bare(main).ok_or_else(refuse)?;
    // Sub 0 is how some systems write the main plate itself.
    let sub = sub.map(|sub| bare(sub).unwrap_or_else(|| "0".to_owned()));
    Ok(Value::Plate(Plate { main, sub, section, district }))
}

/// Spaces between numbers, letters and signs: `12/345بخش4` -> `12 / 345 بخش 4`.
fn spaced(text: &str) -> String {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Digit,
        Sign,
        Letter,
    }
    let mut spaced = String::with_capacity(text.len() * 2);
    let mut before = None;
    for character in text.chars() {
        let (class, character) = match character {
            '0'..='9' => (Class::Digit, character),
            '/' | '\\' | '\u{2044}' | '\u{2215}' => (Class::Sign, '/'),
            ',' | '،' | '-' | ':' => (Class::Sign, character),
            _ => (Class::Letter, character),
        };
        if before.is_some_and(|before| before != class || class == Class::Sign) {
            spaced.push(' ');
        }
        spaced.push(character);
        before = Some(class);
    }
    spaced
}
