//! The damage that exports of offices carry, one test a kind: a small file holds it, and it is read right or refused with
//! the right reason.

use std::io::Write;

use barid_connector::cast::{Cast, CastOptions, CastReason, Value, gregorian, jalali};
use barid_connector::source::{FileFormat, Opened, SourceReason};
use barid_connector::text;

/// The first cell of the second column of a file with these bytes.
fn cell_of(bytes: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("written");
    let mut opened = Opened::open(file.path(), &FileFormat::default()).expect("a sound file");
    opened.next().expect("a row").expect("a sound row").cells.remove(1)
}

fn cell(written: &str) -> String {
    cell_of(format!("شماره,مقدار\n1,\"{written}\"\n").as_bytes())
}

fn read(cast: Cast, written: &str) -> Result<Option<Value>, CastReason> {
    cast.apply(&cell(written), &CastOptions::default()).map_err(|fault| fault.reason)
}

fn text_value(text: &str) -> Result<Option<Value>, CastReason> {
    Ok(Some(Value::Text(text.to_owned())))
}

#[test]
fn arabic_yeh_and_alef_maksura_become_persian_yeh() {
    assert_eq!(read(Cast::Text, "\u{64A}\u{649}"), text_value("\u{6CC}\u{6CC}"));
}

#[test]
fn arabic_kaf_becomes_persian_kaf() {
    assert_eq!(read(Cast::Text, "\u{643}"), text_value("\u{6A9}"));
}

#[test]
fn a_windows_1256_file_has_arabic_yeh_and_its_own_half_space() {
    // 0xED is yeh, 0x98 kaf, 0x9D the half-space.
    let bytes = [b"NO;NAME\n1;".as_slice(), &[0x98, 0xED, 0x9D, 0xED], b"\n"].concat();
    assert_eq!(cell_of(&bytes), "\u{6A9}\u{64A}\u{200C}\u{64A}");
    assert_eq!(text::clean(&cell_of(&bytes)), "\u{6A9}\u{6CC}\u{200C}\u{6CC}");
}

#[test]
fn persian_and_arabic_digits_are_read_in_numbers_and_kept_in_text() {
    assert_eq!(read(Cast::Integer, "۱۲۳"), Ok(Some(Value::Integer(123))));
    assert_eq!(read(Cast::Integer, "١٢٣"), Ok(Some(Value::Integer(123))));
    assert_eq!(read(Cast::Text, "شماره ۱۲۳"), text_value("شماره ۱۲۳"));
}

#[test]
fn a_half_space_is_kept_for_display_and_removed_in_the_key() {
    for written in ["می\u{200C}شود", "می\u{200C}\u{200C}شود", "می¬شود"] {
        assert_eq!(read(Cast::Text, written), text_value("می\u{200C}شود"));
        assert_eq!(text::key(&cell(written)), "میشود");
    }
    assert_eq!(text::key(&cell("می \u{200C} شود")), "میشود");
}

#[test]
fn tatweel_vowel_marks_direction_marks_and_byte_order_marks_are_removed() {
    let written = "\u{FEFF}\u{200F}\u{202B}مازنــدَرانُ\u{202C}\u{200E}\u{A0}";
    assert_eq!(read(Cast::Text, written), text_value("مازندران"));
}

#[test]
fn hamza_and_alef_forms_fold_in_the_key_only() {
    assert_eq!(read(Cast::Text, "تأیید آمل قائم"), text_value("تأیید آمل قائم"));
    assert_eq!(text::key(&cell("تأیید آمل قائم إ ؤ ة ۀ")), "تاییداملقایماوهه");
}

#[test]
fn presentation_forms_become_letters_and_other_compatibility_forms_stay() {
    assert_eq!(read(Cast::Text, "\u{FEB3}\u{FE8E}\u{FEAD}\u{FBFD} ²"), text_value("سار\u{6CC} ²"));
}

#[test]
fn jalali_dates_come_in_five_forms() {
    let expected = Ok(jalali(1401, 7, 12).map(Value::Date));
    for written in ["1401/7/12", "14010712", "1401-07-12", "۱۴۰۱/۰۷/۱۲"] {
        assert_eq!(read(Cast::JalaliDate, written), expected);
    }
    assert_eq!(read(Cast::JalaliDate, "98/7/1"), Err(CastReason::TwoDigitYear));
    let options = CastOptions { century: Some(1300), ..CastOptions::default() };
    let value = Cast::JalaliDate.apply(&cell("98/7/1"), &options).expect("a date");
    assert_eq!(value, jalali(1398, 7, 1).map(Value::Date));
}

#[test]
fn the_31st_of_mehr_is_refused() {
    assert_eq!(read(Cast::JalaliDate, "۱۴۰۱/۰۷/۳۱"), Err(CastReason::ImpossibleDate));
}

#[test]
fn database_times_get_the_offset_of_their_day() {
    for (written, offset) in [("2022-09-06 08:31:20", 270), ("2022-10-26 09:12:44", 210), ("2023-07-01 10:00:00", 210)]
    {
        let Ok(Some(Value::Timestamp(timestamp))) = read(Cast::GregorianTimestamp, written) else {
            panic!("{written}")
        };
        assert_eq!(timestamp.utc_offset_minutes, offset, "{written}");
    }
}

#[test]
fn leading_zeros_lost_in_excel_are_put_back_only_where_declared() {
    assert_eq!(read(Cast::NationalId, "12345679"), Err(CastReason::WrongLength));
    let options = CastOptions { padded: true, ..CastOptions::default() };
    let value = Cast::NationalId.apply(&cell("12345679"), &options).expect("an id");
    assert_eq!(value, Some(Value::NationalId { digits: "0012345679".to_owned(), padded: true }));
}

#[test]
fn scientific_notation_is_refused() {
    for cast in [Cast::NationalId, Cast::PostalCode, Cast::Rial, Cast::Decimal, Cast::Text] {
        assert_eq!(read(cast, "4.8714E+09"), Err(CastReason::ScientificNotation));
    }
}

#[test]
fn a_number_beyond_the_15_digits_of_excel_is_refused() {
    let workbook = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cases.xlsx");
    let opened = Opened::open(workbook.as_ref(), &FileFormat::default()).expect("a sound file");
    let payment = opened.column("شناسه واریز").expect("the column");
    let cells: Vec<String> = opened.map(|row| row.expect("a sound row").cells.swap_remove(payment)).collect();
    let read = |cell: &str| Cast::Text.apply(cell, &CastOptions::default()).map_err(|fault| fault.reason);
    assert_eq!(read(&cells[0]), text_value("3100140100000512"), "typed as text");
    assert_eq!(read(&cells[1]), Err(CastReason::ScientificNotation), "typed as a number");
}

#[test]
fn day_numbers_of_excel_are_refused_as_dates_and_read_by_their_own_cast() {
    assert_eq!(read(Cast::JalaliDate, "44838"), Err(CastReason::ExcelSerial));
    assert_eq!(read(Cast::ExcelDate, "44838"), Ok(gregorian(2022, 10, 4).map(Value::Date)));
}

#[test]
fn money_comes_in_rial_and_toman_with_persian_marks_and_null_as_text() {
    assert_eq!(read(Cast::Rial, "۴۱۸٬۶۰۰٬۰۰۰"), Ok(Some(Value::Integer(418_600_000))));
    assert_eq!(read(Cast::Toman, "98500000"), Ok(Some(Value::Integer(985_000_000))));
    assert_eq!(read(Cast::Decimal, "۱۲٫۵"), Ok(Some(Value::Decimal(12.5))));
    assert_eq!(read(Cast::Toman, "NULL"), Ok(None));
}

#[test]
fn an_unknown_word_is_refused_and_never_replaced() {
    let options = CastOptions::default().with_words([("صادر شد", "issued")]);
    let fault = Cast::Words.apply(&cell("صادر شدو"), &options).expect_err("a fault");
    assert_eq!(fault.reason, CastReason::UnknownWord);
    assert!(fault.message_fa.contains("صادر شدو"));
}

#[test]
fn a_tab_in_utf_16_and_a_semicolon_with_a_byte_order_mark_are_told() {
    let wide: Vec<u8> = "\u{FEFF}شماره\tمقدار\r\n1\tیک\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(cell_of(&wide), "یک");
    assert_eq!(cell_of("\u{FEFF}شماره;مقدار\r\n1;یک\r\n".as_bytes()), "یک");
}

#[test]
fn the_letters_of_an_arabic_collation_compare_equal_by_key() {
    let options = CastOptions::default().with_words([("رأی تجدیدنظر", "x")]);
    assert!(Cast::Words.apply(&cell("راي تجديدنظر"), &options).is_ok());
}

#[test]
fn swapped_coordinates_are_named() {
    assert_eq!(read(Cast::UtmE, "4021013.41"), Err(CastReason::SwappedCoordinates));
}

#[test]
fn a_half_written_file_is_refused_as_a_whole() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all("شماره,مقدار\n1,یک\n2".as_bytes()).expect("written");
    let fault = Opened::open(file.path(), &FileFormat::default()).expect_err("a fault");
    assert_eq!((fault.reason, fault.row), (SourceReason::HalfWritten, Some(2)));
}
