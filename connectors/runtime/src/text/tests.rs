use super::*;

#[test]
fn clean_makes_arabic_letters_persian() {
    assert_eq!(clean("كندلوس ي ى"), "کندلوس ی ی");
}

#[test]
fn clean_keeps_the_half_space_and_mends_it() {
    for written in ["کیان\u{200C}مهر", "کیان\u{200C}\u{200C}مهر", "کیان¬مهر", "\u{200C}کیان¬\u{200C}مهر\u{200C}"]
    {
        assert_eq!(clean(written), "کیان\u{200C}مهر", "{written:?}");
    }
    assert_eq!(clean("کیان \u{200C}مهر"), "کیان مهر");
    assert_eq!(clean("کیان\u{200C} مهر"), "کیان مهر");
}

#[test]
fn clean_removes_what_nobody_sees() {
    assert_eq!(clean("مازنـــدران"), "مازندران");
    assert_eq!(clean("مُحَمَّد"), "محمد");
    assert_eq!(clean("\u{FEFF}\u{200F}۱۴۰۱\u{200E}/\u{202B}تک\u{202C}/۰۰۴۵"), "۱۴۰۱/تک/۰۰۴۵");
    assert_eq!(clean("\u{A0}نوشهر\u{A0}"), "نوشهر");
    assert_eq!(clean("  هاجر \t کیان\u{A0}مهر "), "هاجر کیان مهر");
}

#[test]
fn clean_makes_letters_of_presentation_forms() {
    // As copied out of a PDF: initial, medial and final forms, the ligature of lam and alef, the sign of the rial.
    assert_eq!(clean("\u{FE97}\u{FEEC}\u{FEAE}\u{FE8D}\u{FEE5}"), "تهران");
    assert_eq!(clean("\u{FEFB}\u{FE8B}\u{FEA4}\u{FEEA}"), "لائحه");
    assert_eq!(clean("\u{FEDB}\u{FEF3}"), "کی");
    assert_eq!(clean("\u{FDFC}"), "ریال");
    // A lone vowel mark leaves no gap.
    assert_eq!(clean("م\u{FE77}ن"), "من");
    // Nothing else is touched by compatibility folding.
    assert_eq!(clean("m² ½ ①"), "m² ½ ①");
}

#[test]
fn key_folds_hamza_alef_and_heh() {
    assert_eq!(key("رأی إصلاح آمل مؤسسه قائم دایرة خانۀ"), "رایاصلاحاملموسسهقایمدایرهخانه");
    assert_eq!(key("امضاء"), key("امضا"));
}

#[test]
fn key_joins_what_clerks_write_differently() {
    for written in ["هاجر كيان مهر", "هاجر کیان\u{200C}مهر ", "هاجر کیان¬مهر", "هاجر کیانمهر"]
    {
        assert_eq!(key(written), "هاجرکیانمهر");
    }
    assert_eq!(key("۱۲/۳۴۵ بخش ۴ كجور"), "12345بخش4کجور");
    assert_eq!(key("رأی تجدیدنظر: اصلاح جریمه (قطعی)"), "رایتجدیدنظر:اصلاحجریمهقطعی");
}

#[test]
fn key_gives_every_matching_key_of_the_status_table() {
    let table = include_str!("../../tests/data/status_map.csv");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let mut rows = 0;
    for record in reader.records() {
        let record = record.expect("the table is sound");
        assert_eq!(key(&record[2]), record[3], "{record:?}");
        assert_eq!(key(&record[3]), record[3], "a key is its own key");
        rows += 1;
    }
    assert!(rows > 40, "the table was read: {rows}");
}

#[test]
fn digits_of_both_scripts_become_ascii_and_nothing_else_does() {
    assert_eq!(ascii_digits("۰۱۲۳۴۵۶۷۸۹ ٠١٢٣٤٥٦٧٨٩ ٬٫ a"), "0123456789 0123456789 ٬٫ a");
}

proptest::proptest! {
    /// What is given back as clean already is what mending makes of it.
    #[test]
    fn a_text_that_is_taken_for_clean_needs_no_mending(text in "[ -~ آ-یيكًـ\\u{200C}¬\\u{A0}\\t\\u{FE97}\\u{FDFC}۰-۹]{0,12}|\\PC{0,8}") {
        proptest::prop_assert_eq!(cleaned(&text).into_owned(), mended(&text));
    }
}
