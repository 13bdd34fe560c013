//! The sample exports of the eight agencies, read and cast, against what a correct reading must give.

use std::path::PathBuf;

use barid_connector::cast::{Cast, CastOptions, Value, to_jalali};
use barid_connector::source::{Encoding, FileFormat, Kind, Opened, Row, Separator};
use barid_connector::text;
use barid_schemas::case_event::Precision;

/// The sample of an agency stands in the folder of its connector.
fn sample(file: &str) -> PathBuf {
    let connectors = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_dir(connectors)
        .expect("the folder of the connectors")
        .filter_map(|folder| Some(folder.ok()?.path().join("sample").join(file)))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no connector has the sample `{file}`"))
}

struct Columns {
    file: &'static str,
    status: &'static str,
    number: Option<(&'static str, Cast)>,
    person: Option<&'static str>,
    plate: Option<&'static str>,
    postal: Option<&'static str>,
    tracking: Option<&'static str>,
    area: Option<&'static str>,
    amount: Option<(&'static str, Cast)>,
    zone: Option<&'static str>,
    time: (&'static str, Cast),
    format: (Encoding, Separator, usize),
}

const NOTHING: Columns = Columns {
    file: "",
    status: "وضعیت",
    number: None,
    person: None,
    plate: None,
    postal: None,
    tracking: None,
    area: None,
    amount: None,
    zone: None,
    time: ("تاریخ", Cast::JalaliDate),
    format: (Encoding::Utf8, Separator::Comma, 8),
};

const SAMPLES: [Columns; 8] = [
    Columns {
        file: "01_agri_land.csv",
        number: Some(("کد/شناسه ملی", Cast::PersonNumber)),
        person: Some("نام متقاضی"),
        plate: Some("پلاک ثبتی"),
        area: Some("مساحت (مترمربع)"),
        tracking: Some("کد رهگیری"),
        time: ("تاریخ وضعیت", Cast::JalaliDate),
        ..NOTHING
    },
    Columns {
        file: "03_tourism.csv",
        status: "مرحله",
        number: Some(("کد ملی", Cast::NationalId)),
        person: Some("متقاضی"),
        postal: Some("کد پستی"),
        tracking: Some("کد رهگیری احراز هویت"),
        ..NOTHING
    },
    Columns {
        file: "04_samt.csv",
        number: Some(("شناسه ملی", Cast::PersonNumber)),
        person: Some("نام واحد"),
        tracking: Some("کد رهگیری"),
        format: (Encoding::Utf8, Separator::Semicolon, 7),
        ..NOTHING
    },
    Columns {
        file: "05_art99_cp1256.csv",
        number: Some(("کد ملی", Cast::NationalId)),
        person: Some("مالک"),
        plate: Some("پلاک"),
        amount: Some(("مبلغ جریمه (ریال)", Cast::Rial)),
        zone: Some("زون"),
        time: ("تاریخ وضعیت", Cast::JalaliDate),
        format: (Encoding::Windows1256, Separator::Semicolon, 8),
        ..NOTHING
    },
    Columns {
        file: "06_art100_utf16.tsv",
        status: "مرحله",
        number: Some(("کد ملی", Cast::NationalId)),
        person: Some("مالک"),
        postal: Some("کد پستی"),
        amount: Some(("مبلغ (تومان)", Cast::Toman)),
        format: (Encoding::Utf16Le, Separator::Tab, 6),
        ..NOTHING
    },
    Columns {
        file: "07_bank.csv",
        status: "STATUS_TITLE",
        tracking: Some("IDV_TRACKING_CODE"),
        time: ("STATUS_DT", Cast::GregorianTimestamp),
        ..NOTHING
    },
    Columns {
        file: "08_identity.csv",
        status: "نتیجه",
        tracking: Some("کد رهگیری"),
        time: ("زمان صدور", Cast::JalaliTimestamp),
        format: (Encoding::Utf8, Separator::Comma, 14),
        ..NOTHING
    },
    Columns {
        file: "09_council.csv",
        time: ("تاریخ وضعیت", Cast::JalaliDate),
        format: (Encoding::Utf8, Separator::Comma, 6),
        ..NOTHING
    },
];

struct Sample {
    opened_header: Vec<String>,
    rows: Vec<Row>,
}

impl Sample {
    fn cell<'s>(&'s self, row: &'s Row, column: &str) -> &'s str {
        let key = text::key(column);
        let index = self.opened_header.iter().position(|name| text::key(name) == key);
        &row.cells[index.unwrap_or_else(|| panic!("no column `{column}` in {:?}", self.opened_header))]
    }

    fn value(&self, row: &Row, column: &str, cast: Cast) -> Option<Value> {
        let cell = self.cell(row, column);
        cast.apply(cell, &CastOptions::default()).unwrap_or_else(|fault| panic!("row {}: {fault}", row.row))
    }
}

fn read(columns: &Columns) -> Sample {
    let opened = Opened::open(&sample(columns.file), &FileFormat::default()).expect("a sound file");
    let (encoding, separator, count) = columns.format;
    assert_eq!(
        opened.format(),
        &FileFormat { kind: Some(Kind::Delimited), encoding: Some(encoding), separator: Some(separator), sheet: None },
        "{}",
        columns.file
    );
    let opened_header = opened.header().to_vec();
    let rows: Vec<Row> = opened.map(|row| row.expect("a sound row")).collect();
    assert_eq!(rows.len(), count, "{}", columns.file);
    assert!(rows.iter().map(|row| row.row).eq(1..=count as u64));
    Sample { opened_header, rows }
}

fn text_of(value: Option<Value>) -> Option<String> {
    value.map(|value| match value {
        Value::NationalId { digits, padded: false } => digits,
        Value::LegalId(text) | Value::TrackingCode(text) | Value::PostalCode(text) | Value::Text(text) => text,
        other => panic!("no text: {other:?}"),
    })
}

fn time_of(value: Option<Value>) -> String {
    match value {
        Some(Value::Date(date)) => {
            let (year, month, day) = to_jalali(date);
            format!("{year:04}-{month:02}-{day:02}")
        }
        other => panic!("no time: {other:?}"),
    }
}

#[test]
fn all_rows_of_the_eight_exports_give_what_a_correct_reading_must_give() {
    let expected: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("data/expected.json")).expect("a list of rows");
    assert_eq!(expected.len(), 65);
    let mut compared = 0;
    for columns in &SAMPLES {
        let sample = read(columns);
        for expected in expected.iter().filter(|row| row["file"] == columns.file) {
            let row = &sample.rows[expected["row"].as_u64().expect("a row") as usize - 1];
            let place = format!("{} row {}", columns.file, row.row);
            let text_at = |name: &str| expected.get(name).and_then(|value| value.as_str());
            let column = |column: Option<&'static str>| column.unwrap_or_else(|| panic!("{place}: column unknown"));
            if let Some(id) = text_at("id") {
                let (column, cast) = columns.number.expect("a number");
                assert_eq!(text_of(sample.value(row, column, cast)).as_deref(), Some(id), "{place}");
            }
            if let Some(key) = text_at("person_key") {
                assert_eq!(text::key(sample.cell(row, column(columns.person))), key, "{place}");
            }
            if let Some(key) = text_at("plate_key") {
                let plate = column(columns.plate);
                assert_eq!(text::key(sample.cell(row, plate)), key, "{place}");
                let Some(Value::Plate(plate)) = sample.value(row, plate, Cast::Plate) else {
                    panic!("{place}: no plate")
                };
                let [sub, section, district] = [plate.sub, plate.section, plate.district].map(Option::unwrap);
                assert_eq!(text::key(&format!("{}/{sub} بخش {section} {district}", plate.main)), key, "{place}");
            }
            if let Some(postal) = text_at("postal") {
                let value = sample.value(row, column(columns.postal), Cast::PostalCode);
                assert_eq!(text_of(value).as_deref(), Some(postal), "{place}");
            }
            if let Some(tracking) = text_at("tracking") {
                let value = sample.value(row, column(columns.tracking), Cast::TrackingCode);
                assert_eq!(text_of(value).as_deref(), Some(tracking), "{place}");
            }
            if let Some(area) = expected.get("area_m2") {
                let value = sample.value(row, column(columns.area), Cast::Decimal);
                assert_eq!(value, area.as_f64().map(Value::Decimal), "{place}");
            }
            if let Some(amount) = expected.get("amount_rial") {
                let (column, cast) = columns.amount.expect("an amount");
                assert_eq!(sample.value(row, column, cast), amount.as_i64().map(Value::Integer), "{place}");
            }
            if let (Some(zone), Some(column)) = (expected.get("zone"), columns.zone) {
                assert_eq!(sample.value(row, column, Cast::UtmZone), zone.as_i64().map(Value::Integer), "{place}");
            }
            if let Some(date) = text_at("status_date") {
                assert_eq!(time_of(sample.value(row, columns.time.0, columns.time.1)), date, "{place}");
            }
            if let Some(instant) = text_at("status_ts") {
                let Some(Value::Timestamp(timestamp)) = sample.value(row, columns.time.0, columns.time.1) else {
                    panic!("{place}: no time")
                };
                assert_eq!(timestamp.precision, Precision::Second, "{place}");
                let expected: jiff::Timestamp = instant.parse().expect("an instant");
                assert_eq!(timestamp.at.0, expected.as_millisecond(), "{place}");
                let offset =
                    format!("+{:02}:{:02}", timestamp.utc_offset_minutes / 60, timestamp.utc_offset_minutes % 60);
                assert!(instant.ends_with(&offset), "{place}: {offset}");
            }
            compared += 1;
        }
    }
    assert_eq!(compared, expected.len());
}

#[test]
fn every_status_word_of_the_exports_is_found_in_the_table_of_words() {
    let mut table = csv::Reader::from_reader(include_str!("data/status_map.csv").as_bytes());
    let words: Vec<csv::StringRecord> = table.records().map(|record| record.expect("a sound table")).collect();
    let expected: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("data/expected.json")).expect("a list of rows");
    for columns in &SAMPLES {
        let sample = read(columns);
        for expected in expected.iter().filter(|row| row["file"] == columns.file) {
            let row = &sample.rows[expected["row"].as_u64().expect("a row") as usize - 1];
            let of_service = words.iter().filter(|word| word[0] == *columns.file && expected["service"] == word[1]);
            let options = CastOptions::default().with_words(of_service.map(|word| (&word[2], &word[4])));
            let word = Cast::Words.apply(sample.cell(row, columns.status), &options).expect("a known word");
            assert_eq!(word, expected["status"].as_str().map(|code| Value::Word(code.to_owned())));
        }
    }
}

#[test]
fn percentages_and_coordinates_of_the_exports_are_read() {
    let council = read(&SAMPLES[7]);
    let percentages: Vec<_> = council.rows.iter().map(|row| council.value(row, "درصد پیشرفت", Cast::Percent)).collect();
    assert_eq!(percentages, [60, 100, 45, 5, 20, 100].map(|percent| Some(Value::Integer(percent))));
    for (columns, east, north) in
        [(&SAMPLES[0], "X", "Y"), (&SAMPLES[1], "UTM X", "UTM Y"), (&SAMPLES[3], "مختصات شرقی", "مختصات شمالی")]
    {
        let sample = read(columns);
        for row in &sample.rows {
            assert!(matches!(sample.value(row, east, Cast::UtmE), Some(Value::Decimal(_))));
            assert!(matches!(sample.value(row, north, Cast::UtmN), Some(Value::Decimal(_))));
        }
    }
}
