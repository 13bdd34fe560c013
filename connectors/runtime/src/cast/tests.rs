use super::*;

fn read(cast: &str, cell: &str) -> Option<Value> {
    with(cast, cell, &CastOptions::default())
}

fn with(cast: &str, cell: &str, options: &CastOptions) -> Option<Value> {
    Cast::parse(cast)
        .expect("a known cast")
        .apply(cell, options)
        .unwrap_or_else(|fault| panic!("{cast} {cell}: {fault}"))
}

#[track_caller]
fn refused(cast: &str, cell: &str, reason: CastReason) -> CastFault {
    refused_with(cast, cell, &CastOptions::default(), reason)
}

#[track_caller]
fn refused_with(cast: &str, cell: &str, options: &CastOptions, reason: CastReason) -> CastFault {
    let fault = Cast::parse(cast).expect("a known cast").apply(cell, options).expect_err(cell);
    assert_eq!(fault.reason, reason, "{cast} {cell}: {fault}");
    for text in [&fault.message_en, &fault.message_fa, &fault.cure_en, &fault.cure_fa] {
        assert!(!text.is_empty());
    }
    assert!(fault.message_fa.chars().any(|c| ('\u{600}'..='\u{6FF}').contains(&c)), "{}", fault.message_fa);
    fault
}

fn integer(number: i64) -> Option<Value> {
    Some(Value::Integer(number))
}

fn day(year: i32, month: u8, day: u8) -> Option<Value> {
    jalali(year, month, day).map(Value::Date)
}

fn timestamp(cast: &str, cell: &str) -> (String, i32, Precision) {
    match read(cast, cell) {
        Some(Value::Timestamp(Timestamp { at, utc_offset_minutes, precision })) => {
            let at = jiff::Timestamp::from_millisecond(at.0).expect("an instant");
            (at.to_string(), utc_offset_minutes, precision)
        }
        other => panic!("{cell}: {other:?}"),
    }
}

#[test]
fn every_cast_has_a_name_of_its_own_that_finds_it() {
    for cast in Cast::ALL {
        assert_eq!(Cast::parse(cast.name()), Some(cast));
    }
    assert_eq!(Cast::parse("jalali"), None);
}

#[test]
fn an_empty_cell_and_null_as_text_are_nothing_to_every_cast() {
    for cast in Cast::ALL {
        for cell in ["", "  ", "\u{200F}", "NULL", "null", "(null)", " Null "] {
            assert_eq!(read(cast.name(), cell), None, "{} {cell:?}", cast.name());
        }
    }
}

#[test]
fn scientific_notation_is_refused_by_every_cast() {
    for cast in Cast::ALL {
        for cell in ["4.8714E+09", "۴٫۸۷E+۰۹", "1e-5", "9,9E+15"] {
            refused(cast.name(), cell, CastReason::ScientificNotation);
        }
    }
    refused("integer", "12E3", CastReason::ScientificNotation);
    assert_eq!(read("text", "12E3"), Some(Value::Text("12E3".to_owned())));
}

#[test]
fn errors_of_a_spreadsheet_are_named_as_such() {
    for cell in ["#N/A", "#REF!", "########"] {
        refused("text", cell, CastReason::SpreadsheetError);
    }
}

#[test]
fn text_is_cleaned_and_keeps_its_own_digits() {
    assert_eq!(read("text", " ۱۴۰۱/تك/۰۰۴۱ "), Some(Value::Text("۱۴۰۱/تک/۰۰۴۱".to_owned())));
}

#[test]
fn jalali_dates_are_read_in_every_form_of_the_exports() {
    let expected = day(1401, 7, 12);
    for cell in
        ["1401/7/12", "14010712", "1401-07-12", "۱۴۰۱/۰۷/۱۲", "١٤٠١/٠٧/١٢", "1401.7.12", " 1401/07/12 00:00:00 "]
    {
        assert_eq!(read("jalali_date", cell), expected, "{cell}");
    }
    assert_eq!(expected, gregorian(2022, 10, 4).map(Value::Date));
}

#[test]
fn a_two_digit_year_is_read_only_with_a_declared_century() {
    refused("jalali_date", "98/7/1", CastReason::TwoDigitYear);
    let options = CastOptions { century: Some(1300), ..CastOptions::default() };
    assert_eq!(with("jalali_date", "98/7/1", &options), day(1398, 7, 1));
    let options = CastOptions { century: Some(1400), ..CastOptions::default() };
    assert_eq!(with("jalali_date", "01/7/12", &options), day(1401, 7, 12));
    assert_eq!(with("jalali_date", "1401/7/12", &options), day(1401, 7, 12));
    refused_with("jalali_date", "excel-date:2001-07-12", &options, CastReason::ExcelTookIt);
}

#[test]
fn the_31st_of_mehr_is_refused_with_a_cure() {
    let fault = refused("jalali_date", "1401/07/31", CastReason::ImpossibleDate);
    assert_eq!(fault.message_en, "`1401/07/31` is impossible: Mehr 1401 has 30 days");
    assert_eq!(fault.message_fa, "تاریخ «1401/07/31» ناممکن است: مهر سال 1401 فقط 30 روز دارد");
    assert!(fault.cure_en.contains("export again"));
    refused("jalali_timestamp", "1401/07/31 10:00", CastReason::ImpossibleDate);
}

#[test]
fn the_30th_of_esfand_is_there_in_leap_years_only() {
    assert_eq!(read("jalali_date", "1399/12/30"), day(1399, 12, 30));
    assert!(refused("jalali_date", "1401/12/30", CastReason::ImpossibleDate).message_en.contains("Esfand 1401 has 29"));
    for cell in ["1401/13/01", "1401/00/10", "1401/01/00", "14011301"] {
        refused("jalali_date", cell, CastReason::ImpossibleDate);
    }
}

#[test]
fn what_has_two_readings_is_no_date() {
    for cell in
        ["12/7/1401", "1401/7", "1401/7-12", "هفتم مهر", "140107", "1401/٧/12x", "7/12", "99999999", "1401/123/1"]
    {
        refused("jalali_date", cell, CastReason::NotADate);
    }
    refused("jalali_date", "2022-10-04", CastReason::WrongCalendar);
    refused("gregorian_date", "1401/07/12", CastReason::WrongCalendar);
    refused("jalali_date", "1401/06/06 10:01", CastReason::NotADate);
}

#[test]
fn dates_of_excel_are_read_by_their_mark_and_day_numbers_by_their_own_cast() {
    let expected = day(1401, 7, 12);
    for cast in ["jalali_date", "gregorian_date", "excel_date"] {
        assert_eq!(read(cast, "excel-date:2022-10-04"), expected, "{cast}");
    }
    refused("jalali_date", "44838", CastReason::ExcelSerial);
    refused("gregorian_timestamp", "44838.38", CastReason::ExcelSerial);
    for cell in ["44838", "44838.38", "۴۴۸۳۸"] {
        assert_eq!(read("excel_date", cell), expected);
    }
    assert_eq!(read("excel_date", "61"), gregorian(1900, 3, 1).map(Value::Date));
    refused("excel_date", "1401/07/12", CastReason::NotADate);
    refused("excel_date", "14010712", CastReason::NotADate);
    refused("renovation_code", "excel-date:2001-03-14", CastReason::ExcelTookIt);
}

#[test]
fn the_offset_of_a_wall_time_is_the_one_of_its_day() {
    let read = |cell| timestamp("gregorian_timestamp", cell);
    assert_eq!(read("2022-10-26 09:12:44"), ("2022-10-26T05:42:44Z".into(), 210, Precision::Second));
    assert_eq!(read("2022-09-06 08:31:20"), ("2022-09-06T04:01:20Z".into(), 270, Precision::Second));
    assert_eq!(read("2023-07-01T08:00"), ("2023-07-01T04:30:00Z".into(), 210, Precision::Second));
    assert_eq!(read("2022-10-26 09:12:44.1234567"), ("2022-10-26T05:42:44.123Z".into(), 210, Precision::Second));
    assert_eq!(read("2022-10-26"), ("2022-10-25T20:30:00Z".into(), 210, Precision::Day));
    assert_eq!(read("2022-10-26T09:12:44+04:00"), ("2022-10-26T05:12:44Z".into(), 240, Precision::Second));
    assert_eq!(read("2022-10-26T09:12:44Z"), ("2022-10-26T09:12:44Z".into(), 0, Precision::Second));
    assert_eq!(read("excel-date:2022-10-26T09:12:44"), ("2022-10-26T05:42:44Z".into(), 210, Precision::Second));
    let read = |cell| timestamp("jalali_timestamp", cell);
    assert_eq!(read("1401/06/06 10:01"), ("2022-08-28T05:31:00Z".into(), 270, Precision::Second));
    assert_eq!(read("۱۴۰۱/۰۶/۰۶ ۱۰:۰۱:۰۰ ب.ظ"), ("2022-08-28T17:31:00Z".into(), 270, Precision::Second));
    for cell in ["1401/06/06 24:00", "1401/06/06 10:60", "1401/06/06 10", "1401/06/06 10:01 x", "1401/06/06 13:00 PM"] {
        refused("jalali_timestamp", cell, CastReason::ImpossibleTime);
    }
}

#[test]
fn a_day_begins_at_one_where_summer_time_began_at_midnight() {
    // In 1400 the clocks went from 00:00 to 01:00 of 2 Farvardin, the 22nd of March 2021.
    let begin = start_of_day(jalali(1400, 1, 2).expect("a day"));
    assert_eq!(jiff::Timestamp::from_millisecond(begin.at.0).expect("an instant").to_string(), "2021-03-21T20:30:00Z");
    assert_eq!((begin.utc_offset_minutes, begin.precision), (270, Precision::Day));
    assert_eq!(timestamp("jalali_timestamp", "1400/01/02 00:00:00").0, "2021-03-21T20:30:00Z");
    refused("jalali_timestamp", "1400/01/02 00:30", CastReason::SkippedTime);
    // The hour that came twice is read as its first showing.
    assert_eq!(timestamp("jalali_timestamp", "1400/06/30 23:30").1, 270);
    let begin = start_of_day(jalali(1402, 1, 2).expect("a day"));
    assert_eq!(begin.utc_offset_minutes, 210);
}

#[test]
fn national_ids_are_checked() {
    let id = |digits: &str, padded| Some(Value::NationalId { digits: digits.to_owned(), padded });
    assert_eq!(read("national_id", "۹۹۰۱۰۰۱۱۷۱"), id("9901001171", false));
    let fault = refused("national_id", "9901001172", CastReason::WrongCheckDigit);
    assert!(fault.message_en.contains("`9901001172`"));
    refused("national_id", "1111111111", CastReason::ReservedNumber);
    refused("national_id", "0001234567", CastReason::ReservedNumber);
    refused("national_id", "9900000009", CastReason::ReservedNumber);
    refused("national_id", "990100117", CastReason::WrongLength);
    refused("national_id", "990-100117-1", CastReason::NotDigits);
}

#[test]
fn lost_zeros_are_put_back_only_in_a_column_that_is_declared_damaged() {
    // 0012345679 has the right check digit.
    assert!(refused("national_id", "12345679", CastReason::WrongLength).cure_en.contains("padded"));
    let options = CastOptions { padded: true, ..CastOptions::default() };
    let expected = Some(Value::NationalId { digits: "0012345679".to_owned(), padded: true });
    assert_eq!(with("national_id", "12345679", &options), expected);
    assert_eq!(with("person_number", "12345679", &options), expected);
    refused_with("national_id", "1234567", &options, CastReason::WrongLength);
    refused_with("national_id", "12345678", &options, CastReason::WrongCheckDigit);
}

#[test]
fn a_person_number_is_told_by_its_length() {
    assert_eq!(read("person_number", "99001000114"), Some(Value::LegalId("99001000114".to_owned())));
    assert!(matches!(read("person_number", "9905005536"), Some(Value::NationalId { padded: false, .. })));
    refused("person_number", "990050055361", CastReason::WrongLength);
    refused("person_number", "99001000115", CastReason::WrongCheckDigit);
    refused("legal_id", "22222222222", CastReason::ReservedNumber);
}

#[test]
fn tracking_codes_are_read_with_dashes_and_persian_digits() {
    let code = Some(Value::TrackingCode("60014317002915".to_owned()));
    for cell in ["60014317002915", "60-01-431700291-5", "۶۰۰۱۴۳۱۷۰۰۲۹۱۵", "60 01 431700291 5"] {
        assert_eq!(read("tracking_code", cell), code);
    }
    refused("tracking_code", "60014317002916", CastReason::WrongCheckDigit);
    refused("tracking_code", "6001431700291", CastReason::WrongLength);
    refused("tracking_code", "60-01-43170029A-5", CastReason::NotDigits);
}

#[test]
fn postal_codes_have_a_pattern_and_perhaps_a_dash() {
    assert_eq!(read("postal_code", "46561-13184"), Some(Value::PostalCode("4656113184".to_owned())));
    for cell in ["4256113184", "4656213184", "4656513184", "4656113284", "0656113184"] {
        refused("postal_code", cell, CastReason::WrongPattern);
    }
    refused("postal_code", "465611318", CastReason::WrongLength);
}

#[test]
fn money_is_exact_rial() {
    for cell in
        ["418,600,000", "418٬600٬000", "۴۱۸٬۶۰۰٬۰۰۰", "418600000", "418 600 000 ریال", "418600000.00", "418،600،000"]
    {
        assert_eq!(read("rial", cell), integer(418_600_000), "{cell}");
    }
    assert_eq!(read("toman", "98500000"), integer(985_000_000));
    assert_eq!(read("toman", "۹۸٬۵۰۰٬۰۰۰ تومان"), integer(985_000_000));
    assert_eq!(read("toman", "12٫5"), integer(125));
    assert_eq!(read("rial", "9007199254740993"), integer(9_007_199_254_740_993));
    refused("rial", "98500000 تومان", CastReason::WrongUnit);
    refused("toman", "12.55", CastReason::NotAWholeNumber);
    refused("rial", "1.200", CastReason::NotAWholeNumber);
    refused("rial", "-5", CastReason::NegativeNumber);
    refused("rial", "99999999999999999999", CastReason::OutOfRange);
    for cell in ["418,60,000", "1,5", "0,350", "12/5", "۱۲ میلیون", "1.2.3", ".", "5.", "1,,000"] {
        refused("rial", cell, CastReason::NotANumber);
    }
}

#[test]
fn numbers_keep_their_fraction_and_their_sign() {
    assert_eq!(read("decimal", "۱٬۲۰۰"), Some(Value::Decimal(1200.0)));
    assert_eq!(read("decimal", "۵۴۷۳۸۶٫۷۲"), Some(Value::Decimal(547_386.72)));
    assert_eq!(read("decimal", "-0.5"), Some(Value::Decimal(-0.5)));
    assert_eq!(read("integer", "-12"), integer(-12));
    refused("integer", "12.5", CastReason::NotAWholeNumber);
}

#[test]
fn percentages_come_with_either_sign_or_none() {
    for cell in ["۶۰%", "60٪", "60 %", "٪60", "60", "60 درصد", "60.0%"] {
        assert_eq!(read("percent", cell), integer(60), "{cell}");
    }
    refused("percent", "101%", CastReason::OutOfRange);
    refused("percent", "0.6", CastReason::NotAWholeNumber);
}

#[test]
fn coordinates_are_checked_and_a_swap_is_named() {
    assert_eq!(read("utm_e", "۵۴۷۳۸۶.۷۲"), Some(Value::Decimal(547_386.72)));
    assert_eq!(read("utm_n", "4021013.41"), Some(Value::Decimal(4_021_013.41)));
    refused("utm_e", "4021013.41", CastReason::SwappedCoordinates);
    refused("utm_n", "547386.72", CastReason::SwappedCoordinates);
    refused("utm_e", "54.7", CastReason::OutOfRange);
    refused("utm_n", "36.5", CastReason::OutOfRange);
    let options = CastOptions { utm_zone: Some(40), ..CastOptions::default() };
    assert_eq!(with("utm_e", "232000", &options), Some(Value::Decimal(232_000.0)));
    for cell in ["39", "39N", "۳۹", "39 n"] {
        assert_eq!(read("utm_zone", cell), integer(39));
    }
    refused("utm_zone", "3", CastReason::OutOfRange);
    refused("utm_zone", "شمال", CastReason::WrongPattern);
}

#[test]
fn a_plate_is_taken_apart() {
    let plate = |main: &str, sub: Option<&str>, section: Option<&str>, district: Option<&str>| {
        let owned = |part: Option<&str>| part.map(str::to_owned);
        let (sub, section, district) = (owned(sub), owned(section), owned(district));
        Some(Value::Plate(Plate { main: main.to_owned(), sub, section, district }))
    };
    let whole = plate("12", Some("345"), Some("4"), Some("کجور"));
    for cell in [
        "۱۲/۳۴۵ بخش ۴ كجور",
        "12 / 345بخش4 کجور",
        "پلاک ثبتی 12/345، بخش 4، کجور",
        "345 فرعی از 12 اصلی بخش 4 کجور",
        "012/345 بخش 4 کجور",
    ] {
        assert_eq!(read("plate", cell), whole, "{cell}");
    }
    assert_eq!(read("plate", "18/447 بخش 16 قائم‌شهر"), plate("18", Some("447"), Some("16"), Some("قائم‌شهر")));
    assert_eq!(read("plate", "12/345"), plate("12", Some("345"), None, None));
    assert_eq!(read("plate", "12 اصلی بخش 4"), plate("12", None, Some("4"), None));
    assert_eq!(read("plate", "12/345 بخش 4 ناحیه 2 ساری").map(|_| ()), Some(()));
    for cell in ["12/345/6 بخش 4", "بخش 4 کجور", "12/", "12/345 بخش کجور", "کجور", "0/5", "12/345 17"]
    {
        refused("plate", cell, CastReason::WrongPattern);
    }
}

#[test]
fn renovation_codes_and_isic_codes_stay_text() {
    assert_eq!(read("renovation_code", "۱-۳-۲۳۱-۱۴-۰-۰-۰"), Some(Value::Text("1-3-231-14-0-0-0".to_owned())));
    refused("renovation_code", "1-3", CastReason::WrongPattern);
    refused("renovation_code", "1--3-231", CastReason::WrongPattern);
    assert_eq!(read("isic", "1030"), Some(Value::Text("1030".to_owned())));
    assert!(refused("isic", "111", CastReason::WrongLength).cure_en.contains("leading zero"));
    refused("isic", "C10", CastReason::NotDigits);
}

#[test]
fn words_are_found_by_their_key_and_never_by_default() {
    let options = CastOptions::default().with_words([("رأی قلع", "ruled_demolition"), ("تسویه شد", "settled")]);
    assert_eq!(with("words", "راي قلع", &options), Some(Value::Word("ruled_demolition".to_owned())));
    let fault = refused_with("words", "راي قله", &options, CastReason::UnknownWord);
    assert!(fault.message_en.contains("رای قله"));
    assert_eq!(read("yes_no", "بلي"), Some(Value::Flag(true)));
    assert_eq!(read("yes_no", "خير"), Some(Value::Flag(false)));
    refused("yes_no", "شاید", CastReason::UnknownWord);
}

#[test]
fn check_digits_catch_what_they_are_known_to_catch() {
    // The national id misses about 1.6 % of single wrong digits, the Damm digit none.
    let (mut tried, mut missed) = (0_u32, 0_u32);
    for (good, check) in [
        ("9901001171", check_national_id as fn(&str) -> Result<(), CastReason>),
        ("9902002269", check_national_id),
        ("9903003358", check_national_id),
        ("9905005536", check_national_id),
        ("9908008803", check_national_id),
    ] {
        assert_eq!(check(good), Ok(()));
        for wrong in single_errors(good) {
            tried += 1;
            missed += u32::from(check(&wrong).is_ok());
        }
    }
    assert!(missed * 100 <= tried * 4, "{missed} of {tried}");
    for good in ["60014317002915", "60014396194043", "60015346487606"] {
        assert_eq!(check_tracking_code(good), Ok(()));
        for wrong in single_errors(good).chain(adjacent_swaps(good)) {
            assert_eq!(check_tracking_code(&wrong), Err(CastReason::WrongCheckDigit), "{wrong}");
        }
    }
}

fn single_errors(good: &str) -> impl Iterator<Item = String> + '_ {
    (0..good.len()).flat_map(move |place| {
        ('0'..='9')
            .map(move |digit| format!("{}{digit}{}", &good[..place], &good[place + 1..]))
            .filter(move |w| w != good)
    })
}

fn adjacent_swaps(good: &str) -> impl Iterator<Item = String> + '_ {
    (1..good.len())
        .map(|place| {
            let mut bytes = good.as_bytes().to_vec();
            bytes.swap(place - 1, place);
            String::from_utf8(bytes).expect("digits")
        })
        .filter(move |wrong| wrong != good)
}
