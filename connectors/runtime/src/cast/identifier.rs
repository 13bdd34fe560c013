//! Numbers of persons, companies, codes and addresses, with the checks that each has.
//!
//! A check digit finds a slip of the hand, it proves nobody's identity: about 1.6 % of single wrong digits pass the sums
//! of the national and the legal id; the Damm digit of the tracking code lets none through.

use super::fault::{CastFault, CastReason};
use super::{CastOptions, Value};

/// Whether ten ASCII digits are a national id (کد ملی) by sum and form.
pub fn check_national_id(digits: &str) -> Result<(), CastReason> {
    let d = digits_of::<10>(digits)?;
    if d.iter().all(|digit| *digit == d[0]) || d[3..9].iter().all(|digit| *digit == 0) || d[..3] == [0, 0, 0] {
        return Err(CastReason::ReservedNumber);
    }
    let sum: u32 = d[..9].iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    let rest = sum % 11;
    let check = if rest < 2 { rest } else { 11 - rest };
    if d[9] == check { Ok(()) } else { Err(CastReason::WrongCheckDigit) }
}

/// Whether eleven ASCII digits are the id of a legal entity (شناسه ملی) by sum and form.
pub fn check_legal_id(digits: &str) -> Result<(), CastReason> {
    const WEIGHTS: [u32; 10] = [29, 27, 23, 19, 17, 29, 27, 23, 19, 17];
    let d = digits_of::<11>(digits)?;
    if d.iter().all(|digit| *digit == d[0]) || d[3..9].iter().all(|digit| *digit == 0) {
        return Err(CastReason::ReservedNumber);
    }
    let constant = d[9] + 2;
    let sum: u32 = d[..10].iter().zip(WEIGHTS).map(|(digit, weight)| (digit + constant) * weight).sum();
    if d[10] == sum % 11 % 10 { Ok(()) } else { Err(CastReason::WrongCheckDigit) }
}

/// Whether fourteen ASCII digits are an identity tracking code: its last digit is the Damm digit of the others.
pub fn check_tracking_code(digits: &str) -> Result<(), CastReason> {
    let d = digits_of::<14>(digits)?;
    if damm(&d) == 0 { Ok(()) } else { Err(CastReason::WrongCheckDigit) }
}

/// Whether ten ASCII digits have the pattern of a postal code. There is no check digit.
pub fn check_postal_code(digits: &str) -> Result<(), CastReason> {
    let d = digits_of::<10>(digits)?;
    let fits = d[..4].iter().all(|digit| !matches!(digit, 0 | 2))
        && !matches!(d[4], 0 | 2 | 5)
        && d[5..].iter().all(|digit| *digit != 2);
    if fits { Ok(()) } else { Err(CastReason::WrongPattern) }
}

/// The interim digit of Damm's method over a quasigroup of order 10 (H. M. Damm, 2004); 0 for a number with its check
/// digit.
fn damm(digits: &[u32]) -> u32 {
    const TABLE: [[u32; 10]; 10] = [
        [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
        [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
        [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
        [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
        [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
        [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
        [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
        [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
        [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
        [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
    ];
    digits.iter().fold(0, |interim, digit| TABLE[interim as usize][*digit as usize])
}

fn digits_of<const N: usize>(text: &str) -> Result<[u32; N], CastReason> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CastReason::NotDigits);
    }
    let bytes: [u8; N] = text.as_bytes().try_into().map_err(|_| CastReason::WrongLength)?;
    Ok(bytes.map(|byte| u32::from(byte - b'0')))
}

pub(super) fn national_id(text: &str, options: &CastOptions) -> Result<Value, CastFault> {
    let short = options.padded && matches!(text.len(), 8 | 9);
    let digits = if short { format!("{text:0>10}") } else { text.to_owned() };
    check_national_id(&digits).map_err(|reason| National.fault(reason, text))?;
    Ok(Value::NationalId { digits, padded: short })
}

pub(super) fn legal_id(text: &str) -> Result<Value, CastFault> {
    check_legal_id(text).map_err(|reason| Legal.fault(reason, text))?;
    Ok(Value::LegalId(text.to_owned()))
}

pub(super) fn person_number(text: &str, options: &CastOptions) -> Result<Value, CastFault> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        match text.len() {
            11 => return legal_id(text),
            10 => return national_id(text, options),
            8 | 9 if options.padded => return national_id(text, options),
            _ => {}
        }
        return Err(Person.fault(CastReason::WrongLength, text));
    }
    Err(Person.fault(CastReason::NotDigits, text))
}

pub(super) fn tracking_code(text: &str) -> Result<Value, CastFault> {
    let digits = without_dashes(text);
    check_tracking_code(&digits).map_err(|reason| Tracking.fault(reason, text))?;
    Ok(Value::TrackingCode(digits))
}

pub(super) fn postal_code(text: &str) -> Result<Value, CastFault> {
    let digits = without_dashes(text);
    check_postal_code(&digits).map_err(|reason| Postal.fault(reason, text))?;
    Ok(Value::PostalCode(digits))
}

pub(super) fn isic(text: &str) -> Result<Value, CastFault> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Isic.fault(CastReason::NotDigits, text));
    }
    // A class has four digits; national subclasses add up to two.
    if !(4..=6).contains(&text.len()) {
        return Err(Isic.fault(CastReason::WrongLength, text));
    }
    Ok(Value::Text(text.to_owned()))
}

/// Parts of digits; how many and what they mean differs by municipality.
pub(super) fn renovation_code(text: &str) -> Result<Value, CastFault> {
    let parts: Vec<&str> = text.split(['-', '/', '\u{2010}', '\u{2011}', '\u{2013}']).map(str::trim).collect();
    let sound = (3..=10).contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if sound { Ok(Value::Text(parts.join("-"))) } else { Err(Renovation.fault(CastReason::WrongPattern, text)) }
}

fn without_dashes(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '-' | ' ' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}')).collect()
}

use Kind::{Isic, Legal, National, Person, Postal, Renovation, Tracking};

/// The identifiers, for the words of their faults.
#[derive(Clone, Copy)]
enum Kind {
    National,
    Legal,
    Person,
    Tracking,
    Postal,
    Isic,
    Renovation,
}

impl Kind {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            National => ("a national id", "کد ملی"),
            Legal => ("a legal-entity id", "شناسه ملی شخص حقوقی"),
            Person => ("a national id or a legal-entity id", "کد ملی یا شناسه ملی"),
            Tracking => ("an identity tracking code", "کد رهگیری احراز هویت"),
            Postal => ("a postal code", "کد پستی"),
            Isic => ("an ISIC code", "کد ISIC"),
            Renovation => ("a renovation code", "کد نوسازی"),
        }
    }

    const fn forms(self) -> (&'static str, &'static str) {
        match self {
            National => ("10 digits", "۱۰ رقم"),
            Legal => ("11 digits", "۱۱ رقم"),
            Person => {
                ("10 digits for a person or 11 for a legal entity", "۱۰ رقم برای شخص حقیقی یا ۱۱ رقم برای شخص حقوقی")
            }
            Tracking => ("14 digits, with or without dashes", "۱۴ رقم، با خط تیره یا بدون آن"),
            Postal => ("10 digits, with or without a dash", "۱۰ رقم، با خط تیره یا بدون آن"),
            Isic => ("4 to 6 digits", "۴ تا ۶ رقم"),
            Renovation => ("at least 3 numbers with dashes between them", "دست‌کم ۳ عدد با خط تیره میان آن‌ها"),
        }
    }

    fn fault(self, reason: CastReason, value: &str) -> CastFault {
        let (name_en, name_fa) = self.names();
        let (form_en, form_fa) = self.forms();
        let count = value.chars().filter(char::is_ascii_digit).count();
        let (message_en, message_fa) = match reason {
            CastReason::NotDigits => (
                format!("`{value}` holds something else than digits and cannot be {name_en}"),
                format!("«{value}» چیزی جز رقم دارد و {name_fa} نیست"),
            ),
            CastReason::WrongLength => (
                format!("`{value}` has {count} digits; {name_en} has {form_en}"),
                format!("«{value}» {count} رقم دارد؛ {name_fa}: {form_fa}"),
            ),
            CastReason::WrongCheckDigit => (
                format!("`{value}` is not {name_en}: its check digit is wrong"),
                format!("«{value}» {name_fa} نیست: رقم کنترل آن نادرست است"),
            ),
            CastReason::ReservedNumber => (
                format!("`{value}` has the right sum, but no one bears it as {name_en}"),
                format!("«{value}» به‌عنوان {name_fa} به کسی داده نشده است"),
            ),
            _ => (
                format!("`{value}` does not have the pattern of {name_en}"),
                format!("«{value}» الگوی {name_fa} را ندارد"),
            ),
        };
        let (cure_en, cure_fa) = match (self, reason) {
            (National | Person, CastReason::WrongLength) if matches!(count, 8 | 9) => (
                "if a spreadsheet has eaten the leading zeros, export the column as text, or declare it with `padded = true`"
                    .to_owned(),
                "اگر اکسل صفرهای اول را حذف کرده، ستون را به‌صورت متن خروجی بگیرید یا در نگاشت `padded = true` بنویسید".to_owned(),
            ),
            (Isic, CastReason::WrongLength) if count == 3 => (
                "a spreadsheet may have eaten the leading zero: export the column as text".to_owned(),
                "شاید اکسل صفر اول را حذف کرده است: ستون را به‌صورت متن خروجی بگیرید".to_owned(),
            ),
            (_, CastReason::WrongCheckDigit | CastReason::ReservedNumber) => (
                "compare it with the paper, correct it in the source and export again".to_owned(),
                "با اصل سند مقایسه کنید، در سامانه مبدأ اصلاح کنید و دوباره خروجی بگیرید".to_owned(),
            ),
            _ => (
                format!("write {name_en} as {form_en} in the source and export again"),
                format!("{name_fa} را در سامانه مبدأ به این شکل بنویسید: {form_fa}؛ و دوباره خروجی بگیرید"),
            ),
        };
        CastFault { reason, message_en, message_fa, cure_en, cure_fa }
    }
}
