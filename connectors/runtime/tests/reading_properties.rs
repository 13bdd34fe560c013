//! What holds for every text, every day and every byte.

use std::io::Write;

use barid_connector::cast::{Cast, CastOptions, Value, gregorian, jalali, start_of_day, to_jalali};
use barid_connector::source::{Encoding, FileFormat, Kind, Opened, Separator};
use barid_connector::text;
use barid_schemas::Date;
use proptest::prelude::*;

/// Reads everything that can be read of these bytes; only a panic or an endless loop fails.
fn exhaust(bytes: &[u8], format: &FileFormat) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    if let Ok(opened) = Opened::open(file.path(), format) {
        let width = opened.header().len();
        for row in opened.flatten() {
            assert_eq!(row.cells.len(), width);
        }
    }
}

fn formats() -> impl Strategy<Value = FileFormat> {
    let kind = prop::option::of(prop::sample::select(vec![Kind::Delimited, Kind::JsonLines, Kind::Workbook]));
    let encoding = prop::option::of(prop::sample::select(vec![
        Encoding::Utf8,
        Encoding::Utf16Le,
        Encoding::Utf16Be,
        Encoding::Windows1256,
    ]));
    let separator = prop::option::of(prop::sample::select(Separator::ALL.to_vec()));
    (kind, encoding, separator).prop_map(|(kind, encoding, separator)| FileFormat {
        kind,
        encoding,
        separator,
        sheet: None,
    })
}

/// Letters, digits and marks of exports, and anything else.
fn texts() -> impl Strategy<Value = String> {
    let exported =
        "[ \u{200C}¬آابپكکيیىةۀؤئ۰-۹٠-٩0-9/\\-.,٬٫()ـ\u{64B}-\u{65F}\u{FB50}-\u{FDFF}\u{FE70}-\u{FEFF}Ee+%:A-Z]{0,24}";
    prop_oneof![exported, any::<String>()]
}

proptest! {
    #[test]
    fn a_key_is_its_own_key(text in texts()) {
        let key = text::key(&text);
        prop_assert_eq!(text::key(&key), key.clone());
        prop_assert_eq!(text::key(&text::clean(&text)), key);
    }

    #[test]
    fn a_clean_text_is_clean(text in texts()) {
        let clean = text::clean(&text);
        prop_assert_eq!(text::clean(&clean), clean);
    }

    #[test]
    fn no_cast_panics_and_every_fault_explains_itself(text in texts(), cast in prop::sample::select(Cast::ALL.to_vec()), century: bool, padded: bool) {
        let options = CastOptions { century: century.then_some(1300), padded, ..CastOptions::default() };
        if let Err(fault) = cast.apply(&text, &options) {
            prop_assert!(!fault.message_en.is_empty() && !fault.message_fa.is_empty());
            prop_assert!(!fault.cure_en.is_empty() && !fault.cure_fa.is_empty());
        }
    }

    #[test]
    fn an_amount_of_rial_is_read_as_it_was_written(amount in 0_i64..=i64::MAX) {
        let plain = amount.to_string();
        let mut grouped = String::new();
        for (index, digit) in plain.chars().enumerate() {
            if index > 0 && (plain.len() - index).is_multiple_of(3) {
                grouped.push('٬');
            }
            grouped.push(digit);
        }
        for written in [plain, grouped] {
            let value = Cast::Rial.apply(&written, &CastOptions::default());
            prop_assert_eq!(value, Ok(Some(Value::Integer(amount))));
        }
    }

    #[test]
    fn cells_come_back_as_they_were_written(cells in prop::collection::vec(("[آ-ی0-9 ,;\"\n]{1,12}", "[آ-ی0-9 ,;\"\n]{1,12}"), 1..20)) {
        let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        writer.write_record(["شماره", "نام"]).expect("written");
        for (a, b) in &cells {
            writer.write_record([a, b]).expect("written");
        }
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(&writer.into_inner().expect("flushed")).expect("written");
        let format = FileFormat { separator: Some(Separator::Comma), ..FileFormat::default() };
        let read: Vec<_> = Opened::open(file.path(), &format).expect("a sound file").map(|row| row.expect("sound").cells).collect();
        let written: Vec<_> = cells.into_iter().filter(|(a, b)| !(a.trim().is_empty() && b.trim().is_empty())).map(|(a, b)| vec![a, b]).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn random_bytes_are_refused_or_read_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), format in formats()) {
        exhaust(&bytes, &format);
    }

    #[test]
    fn bytes_that_look_like_an_export_are_refused_or_read_but_never_a_panic(text in "[\u{FEFF}آابی۰-۹0-9,;\t\"\r\n{}:\\[\\]]{0,200}", format in formats()) {
        exhaust(text.as_bytes(), &format);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        exhaust(&wide, &format);
    }

    #[test]
    fn a_damaged_workbook_is_refused_or_read_but_never_a_panic(place in 0_usize..6000, byte: u8, old: bool) {
        let (new, before_2007) = (include_bytes!("data/cases.xlsx").as_slice(), include_bytes!("data/cases.xls").as_slice());
        let mut bytes = if old { before_2007.to_vec() } else { new.to_vec() };
        let place = place % bytes.len();
        bytes[place] = byte;
        exhaust(&bytes, &FileFormat::default());
        exhaust(&bytes[..place], &FileFormat::default());
    }
}

/// Leap years of the official calendar as published, for a model that shares nothing with the calendar library.
const LEAP_YEARS: [i32; 37] = [
    1300, 1304, 1309, 1313, 1317, 1321, 1325, 1329, 1333, 1337, 1342, 1346, 1350, 1354, 1358, 1362, 1366, 1370, 1375,
    1379, 1383, 1387, 1391, 1395, 1399, 1403, 1408, 1412, 1416, 1420, 1424, 1428, 1432, 1436, 1441, 1445, 1449,
];

#[test]
fn every_day_of_150_years_is_read_as_an_independent_count_of_days_gives_it() {
    // 1 Farvardin 1300 was the 21st of March 1921, 17,818 days before 1970.
    let mut day = Date(-17_818);
    assert_eq!(gregorian(1921, 3, 21), Some(day));
    for year in 1300..=1450 {
        for month in 1..=12_u8 {
            let length = match month {
                1..=6 => 31,
                7..=11 => 30,
                _ if LEAP_YEARS.contains(&year) => 30,
                _ => 29,
            };
            for of_month in 1..=length {
                assert_eq!(jalali(year, month, of_month), Some(day), "{year}/{month}/{of_month}");
                assert_eq!(to_jalali(day), (year, month, of_month));
                let written = format!("{year}/{month}/{of_month}");
                let read = Cast::JalaliDate.apply(&written, &CastOptions::default());
                assert_eq!(read, Ok(Some(Value::Date(day))), "{written}");
                day = Date(day.0 + 1);
            }
            assert_eq!(jalali(year, month, length + 1), None, "{year}/{month} is over");
        }
    }
}

#[test]
fn days_follow_each_other_without_gap_by_23_24_or_25_hours() {
    let (first, last) = (jalali(1350, 1, 1).expect("a day"), jalali(1410, 1, 1).expect("a day"));
    let mut lengths = std::collections::BTreeMap::new();
    for day in first.0..last.0 {
        let hours = (start_of_day(Date(day + 1)).at.0 - start_of_day(Date(day)).at.0) as f64 / 3_600_000.0;
        *lengths.entry(hours.to_string()).or_insert(0) += 1;
    }
    let known = ["23", "23.5", "24", "24.5", "25"];
    assert!(lengths.keys().all(|hours| known.contains(&hours.as_str())), "{lengths:?}");
    assert!(lengths["23"] > 25 && lengths["25"] > 25, "summer time came and went: {lengths:?}");
}
