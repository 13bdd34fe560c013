use super::*;

const TABLE: &str = "شماره پرونده,مالک,مبلغ\nپ-۱,هاجر,10\nپ-۲,\"سهراب, تبرستانی\",20\n";

struct Written {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

fn written(bytes: &[u8]) -> Written {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("export.csv");
    std::fs::write(&path, bytes).expect("a file");
    Written { _folder: folder, path }
}

fn open(bytes: &[u8]) -> Result<Opened, SourceFault> {
    open_as(bytes, &FileFormat::default())
}

fn open_as(bytes: &[u8], format: &FileFormat) -> Result<Opened, SourceFault> {
    Opened::open(&written(bytes).path, format)
}

fn rows(bytes: &[u8]) -> Vec<Result<Row, SourceFault>> {
    open(bytes).expect("a sound file").collect()
}

#[track_caller]
fn refused(bytes: &[u8], format: &FileFormat, reason: SourceReason) -> SourceFault {
    let fault = open_as(bytes, format).expect_err("a fault");
    assert_eq!(fault.reason, reason, "{fault}");
    assert_eq!(fault.file, "export.csv");
    assert!(!fault.message_fa.is_empty() && !fault.cure_en.is_empty() && !fault.cure_fa.is_empty());
    fault
}

fn pinned(encoding: Encoding) -> FileFormat {
    FileFormat { encoding: Some(encoding), ..FileFormat::default() }
}

fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2], mark: bool) -> Vec<u8> {
    let mark = mark.then_some(0xFEFF);
    mark.into_iter().chain(text.encode_utf16()).flat_map(bytes_of).collect()
}

fn windows_1256(text: &str) -> Vec<u8> {
    let (bytes, _, lossy) = encoding_rs::WINDOWS_1256.encode(text);
    assert!(!lossy, "the code page has every letter of {text}");
    bytes.into_owned()
}

#[test]
fn every_encoding_is_told_by_the_bytes_and_given_back() {
    let arabic = TABLE.replace('ی', "ي").replace('ک', "ك").replace('۱', "1").replace('۲', "2");
    for (bytes, encoding) in [
        (TABLE.as_bytes().to_vec(), Encoding::Utf8),
        (format!("\u{FEFF}{TABLE}").into_bytes(), Encoding::Utf8),
        (utf16(TABLE, u16::to_le_bytes, true), Encoding::Utf16Le),
        (utf16(TABLE, u16::to_le_bytes, false), Encoding::Utf16Le),
        (utf16(TABLE, u16::to_be_bytes, true), Encoding::Utf16Be),
        (utf16(TABLE, u16::to_be_bytes, false), Encoding::Utf16Be),
        (windows_1256(&arabic), Encoding::Windows1256),
    ] {
        let opened = open(&bytes).expect("a sound file");
        let format = opened.format().clone();
        assert_eq!(format.encoding, Some(encoding));
        assert_eq!((format.kind, format.separator), (Some(Kind::Delimited), Some(Separator::Comma)));
        assert_eq!(crate::text::key(&opened.header()[0]), "شمارهپرونده");
        let names: Vec<String> = opened.map(|row| crate::text::key(&row.expect("a sound row").cells[1])).collect();
        assert_eq!(names, ["هاجر", "سهراب,تبرستانی"]);
        // What was found can be pinned.
        assert_eq!(open_as(&bytes, &format).expect("the same file").format(), &format);
    }
}

#[test]
fn a_pinned_encoding_that_does_not_fit_names_the_place_and_the_right_one() {
    let arabic = windows_1256("شماره,نام\n1,سهراب\n");
    let fault = refused(&arabic, &pinned(Encoding::Utf8), SourceReason::WrongEncoding);
    assert_eq!(fault.byte, Some(0));
    assert!(fault.cure_en.contains("encoding = \"windows-1256\""), "{fault}");
    let late = [b"NO,NAME\n1,a\n2,".as_slice(), &windows_1256("سهراب"), b"\n"].concat();
    let fault = refused(&late, &pinned(Encoding::Utf8), SourceReason::WrongEncoding);
    assert_eq!((fault.row, fault.byte), (Some(2), Some(14)));
    let fault = refused(TABLE.as_bytes(), &pinned(Encoding::Windows1256), SourceReason::WrongEncoding);
    assert!(fault.cure_en.contains("`utf-8`"), "{fault}");
    refused(TABLE.as_bytes(), &pinned(Encoding::Utf16Le), SourceReason::WrongEncoding);
    refused(&utf16(TABLE, u16::to_be_bytes, true), &pinned(Encoding::Utf16Le), SourceReason::WrongEncoding);
    refused(&utf16(TABLE, u16::to_le_bytes, false), &pinned(Encoding::Utf8), SourceReason::WrongEncoding);
    refused(
        &[b"a,b\n".as_slice(), &[0xE9, 0xE8, 0xE0, 0xE7, b'\n']].concat(),
        &FileFormat::default(),
        SourceReason::UnknownEncoding,
    );
}

#[test]
fn one_broken_byte_stops_its_row_and_no_other() {
    let bytes = [b"no,name\n1,\xD8\xB3\n2,\xD8\xB3\xFF\n3,\xD8\xB4\n".as_slice()].concat();
    let rows = rows(&bytes);
    assert!(rows[0].is_ok() && rows[2].is_ok());
    let fault = rows[1].clone().expect_err("a fault");
    assert_eq!(fault.reason, SourceReason::UndecodableText);
    assert!(fault.is_of_one_row());
    assert_eq!((fault.row, fault.column.as_deref()), (Some(2), Some("name")));
}

#[test]
fn the_separator_is_the_one_that_cuts_the_records_evenly() {
    for (text, separator) in [
        ("a;b\n1;418,600,000\n2;\"x;y\"\n", Separator::Semicolon),
        ("a\tb\n1,2\t3\n", Separator::Tab),
        ("a|b\n1|2\n", Separator::Pipe),
        ("a,b\n\"1;2;3\",2\n\"x\ny;z\",3\n", Separator::Comma),
    ] {
        assert_eq!(open(text.as_bytes()).expect("a sound file").format().separator, Some(separator), "{text}");
    }
    let comma = FileFormat { separator: Some(Separator::Comma), ..FileFormat::default() };
    assert!(refused(b"a;b\n1;2\n", &comma, SourceReason::WrongSeparator).cure_en.contains("semicolon"));
    refused(b"name\nx\n", &FileFormat::default(), SourceReason::UnknownSeparator);
    assert_eq!(open_as(b"name\nx\n", &comma).expect("one column").count(), 1);
}

#[test]
fn an_empty_file_and_a_file_without_a_header_are_refused() {
    for bytes in [b"".as_slice(), b"\r\n\n  \n", b"\xEF\xBB\xBF", b"\xFF\xFE"] {
        refused(bytes, &FileFormat::default(), SourceReason::EmptyFile);
    }
    refused(b"1,2,3\n4,5,6\n", &FileFormat::default(), SourceReason::MissingHeader);
    refused("۱۴۰۱-۰۱,هاجر,۱۴۰۱/۰۶/۱۳\n".as_bytes(), &FileFormat::default(), SourceReason::MissingHeader);
    assert_eq!(rows(b"a,b\n").len(), 0);
}

#[test]
fn doubled_columns_are_found_by_their_key() {
    let fault = refused("کد ملی,نام,كد ملي\n".as_bytes(), &FileFormat::default(), SourceReason::DoubledColumn);
    assert_eq!(fault.column.as_deref(), Some("کد ملی"));
}

#[test]
fn a_missing_column_is_named_with_its_nearest() {
    let opened = open(TABLE.as_bytes()).expect("a sound file");
    assert_eq!(opened.column("مالك"), Some(1));
    let faults = opened.missing_columns(["مالك", "شماره پروند", "مبلغ"]);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].reason, SourceReason::MissingColumn);
    assert_eq!(faults[0].column.as_deref(), Some("شماره پروند"));
    assert!(faults[0].message_en.contains("`شماره پرونده`"), "{}", faults[0]);
}

#[test]
fn a_row_with_more_or_fewer_cells_stops_alone() {
    let rows = rows(b"a,b\n1,2\n1\n1,2,3\n,,\n1,2,,\n5,6\n");
    let reasons: Vec<_> =
        rows.iter().map(|row| row.as_ref().map(|row| row.row).map_err(|f| (f.reason, f.row))).collect();
    assert_eq!(
        reasons,
        [
            Ok(1),
            Err((SourceReason::WrongCellCount, Some(2))),
            Err((SourceReason::WrongCellCount, Some(3))),
            Ok(5),
            Ok(6)
        ]
    );
    assert_eq!(rows[2].clone().expect_err("a fault").cells, ["1", "2", "3"]);
}

#[test]
fn a_file_that_was_not_written_to_its_end_is_refused_as_a_whole() {
    let fault = refused(b"a,b,c\n1,2,3\n4,5", &FileFormat::default(), SourceReason::HalfWritten);
    assert_eq!(fault.row, Some(2));
    let fault = refused(b"a,b\n1,\"x\n2,3\n", &FileFormat::default(), SourceReason::UnclosedQuote);
    assert_eq!(fault.row, Some(1));
    // Cut in the middle of a letter, and of a unit of UTF-16.
    let cut = &TABLE.as_bytes()[..TABLE.rfind('ی').expect("a yeh") + 1];
    refused(cut, &FileFormat::default(), SourceReason::HalfWritten);
    let wide = utf16(TABLE, u16::to_le_bytes, true);
    refused(&wide[..wide.len() - 1], &FileFormat::default(), SourceReason::HalfWritten);
    refused(b"{\"a\":1}\n{\"a\":", &FileFormat::default(), SourceReason::HalfWritten);
    // A last line without a line break is whole when it has all its cells.
    assert_eq!(rows(b"a,b\n1,2").len(), 1);
}

#[test]
fn a_growing_file_has_not_settled() {
    let at = |size_bytes, second| Observation {
        size_bytes,
        modified: Some(std::time::UNIX_EPOCH + std::time::Duration::from_secs(second)),
    };
    assert!(!settled(&at(10, 1), &at(20, 1)));
    assert!(!settled(&at(10, 1), &at(10, 2)));
    assert!(settled(&at(10, 1), &at(10, 1)));
}

#[test]
fn the_fingerprint_is_the_sha_256_of_the_bytes() {
    let file = written(b"a,b\n");
    let opened = Opened::open(&file.path, &FileFormat::default()).expect("a sound file");
    let expected: [u8; 32] = Sha256::digest(b"a,b\n").into();
    assert_eq!((opened.sha256(), opened.size_bytes()), (expected, 4));
    assert_eq!(fingerprint(&file.path).expect("a file"), expected);
}

#[test]
fn json_lines_become_columns_of_pointers() {
    let text = concat!(
        r#"{"case":"پ-۱","parcel":{"plate":"12/345","area":640.5},"tags":["a","b"],"amount":418600000}"#,
        "\n\n",
        r#"{"case":"پ-۲","parcel":null,"a/b~c":true,"amount":31001401000005120000000}"#,
        "\n[1]\nnot json\n",
        r#"{"case":"پ-۳"}"#,
    );
    let opened = open(text.as_bytes()).expect("a sound file");
    assert_eq!(opened.format().kind, Some(Kind::JsonLines));
    let column = |name: &str| opened.column(name).unwrap_or_else(|| panic!("no column {name}"));
    let [case, area, tag, flag, amount] = ["/case", "/parcel/area", "/tags/1", "/a~1b~0c", "/amount"].map(column);
    let rows: Vec<_> = opened.collect();
    let cells = rows[0].as_ref().expect("a sound row").cells.clone();
    assert_eq!(
        [case, area, tag, flag, amount].map(|index| cells[index].as_str()),
        ["پ-۱", "640.5", "b", "", "418600000"]
    );
    let cells = rows[1].as_ref().expect("a sound row").cells.clone();
    assert_eq!(cells[flag], "true");
    assert!(cells[amount].contains("E+"), "digits beyond 64 bits are not kept: {}", cells[amount]);
    assert_eq!(rows[2].as_ref().expect_err("a list").reason, SourceReason::BrokenJson);
    assert_eq!(rows[3].as_ref().expect_err("no json").row, Some(4));
    assert_eq!(rows[4].as_ref().expect("a sound row").row, 5);
}

#[test]
fn the_kind_is_told_by_the_content_and_a_wrong_one_is_refused() {
    let workbook = FileFormat { kind: Some(Kind::Workbook), ..FileFormat::default() };
    refused(TABLE.as_bytes(), &workbook, SourceReason::WrongKind);
    refused(b"PK\x03", &workbook, SourceReason::HalfWritten);
    refused(b"<html><table>", &FileFormat::default(), SourceReason::WrongKind);
    let lines = FileFormat { kind: Some(Kind::JsonLines), ..FileFormat::default() };
    refused(TABLE.as_bytes(), &lines, SourceReason::WrongKind);
    let delimited = FileFormat { kind: Some(Kind::Delimited), ..FileFormat::default() };
    refused(include_bytes!("../../tests/data/cases.xlsx"), &delimited, SourceReason::WrongKind);
}

#[test]
fn a_workbook_gives_what_the_user_sees() {
    let opened = open(include_bytes!("../../tests/data/cases.xlsx")).expect("a sound workbook");
    assert_eq!(opened.format().sheet.as_deref(), Some("پرونده‌ها"), "the first visible sheet that holds something");
    assert_eq!(opened.header().len(), 10, "columns without name and content are not there");
    let rows: Vec<Row> = opened.map(|row| row.expect("a sound row")).collect();
    assert_eq!(
        rows[0].cells,
        [
            "۱۴۰۱/تك/۰۰۴۱",
            "9901001171",
            "640",
            "547386.72",
            "excel-date:2022-10-04",
            "excel-date:2022-10-26T09:12:44",
            "60%",
            "3100140100000512",
            "true",
            ""
        ]
    );
    assert_eq!(
        rows[1].cells,
        [
            "007",
            "12345678",
            "0.3",
            "1E+15",
            "excel-date:2023-03-21",
            "09:05:00",
            "100%",
            "3.100140100000512E+15",
            "false",
            "#N/A"
        ]
    );
    assert_eq!((rows[0].row, rows[1].row, rows.len()), (1, 3, 2), "blank rows count and are not given out");
}

#[test]
fn an_old_workbook_is_read_too() {
    let opened = open(include_bytes!("../../tests/data/cases.xls")).expect("a sound workbook");
    let rows: Vec<Row> = opened.map(|row| row.expect("a sound row")).collect();
    assert_eq!(rows[0].cells, ["پ-1", "9901001171", "excel-date:2022-10-04"]);
}

/// The old workbook with one byte changed, `ahead` of the first place where `mark` stands.
fn old_workbook_with(mark: &[u8], ahead: usize, byte: u8) -> Vec<u8> {
    let mut bytes = include_bytes!("../../tests/data/cases.xls").to_vec();
    let place = bytes.windows(mark.len()).position(|window| window == mark).expect("the mark stands in the file");
    bytes[place + ahead] = byte;
    bytes
}

#[test]
fn an_old_workbook_that_promises_billions_of_cells_takes_no_memory_for_them() {
    let sound: Vec<_> = rows(include_bytes!("../../tests/data/cases.xls"));
    // The record of dimensions, 14 bytes long: first row and row after the last in four bytes each, then the columns.
    for ahead in 4..16 {
        assert_eq!(rows(&old_workbook_with(&[0x00, 0x02, 14, 0], ahead, 0xFE)), sound, "{ahead} bytes ahead");
    }
}

#[test]
fn an_old_workbook_whose_bytes_contradict_each_other_is_refused() {
    let refused = |bytes: &[u8]| refused(bytes, &FileFormat::default(), SourceReason::UnreadableWorkbook).to_string();
    // A shared label of the format: row, column, style, number of the label.
    let column = refused(&old_workbook_with(&[0xFD, 0x00, 10, 0], 7, 0x01));
    assert!(column.contains("in column 25"), "{column}");
    // The header keeps the first sectors of the list of sectors, which then leads somewhere else.
    let sectors = refused(&old_workbook_with(&[0xD0, 0xCF, 0x11, 0xE0], 76, 5));
    assert!(sectors.contains("do not follow each other"), "{sectors}");
    let header = refused(&old_workbook_with(&[0xD0, 0xCF, 0x11, 0xE0], 30, 5));
    assert!(header.contains("first bytes are damaged"), "{header}");
    // The entry of the stream, 128 bytes with the name at its beginning, keeps the size near its end.
    let name: Vec<u8> = "Workbook".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let short = refused(&old_workbook_with(&name, 121, 0xFE));
    assert!(short.contains("a part of it is missing"), "{short}");
    assert!(refused(&old_workbook_with(&name, 0, b'X')).contains("holds no sheets"));
    // The place of the first sheet: far behind the end.
    assert!(refused(&old_workbook_with(&[0x85, 0x00], 6, 0x7F)).contains("has no end"));
    // The end of the sheet becomes a record as long as a record can be.
    let sheet = old_workbook_with(&[0x0A, 0, 0, 0], 3, 0xFF);
    assert!(refused(&sheet).contains("has no end"));
    assert!(refused(&include_bytes!("../../tests/data/cases.xls")[..4096]).contains("the workbook cannot be read"));
}

/// Each entry holds the numbers of its neighbours in a tree that is sorted by name; not all programs have kept to it.
#[test]
fn an_old_workbook_with_disorder_beside_its_sheets_is_read() {
    let sound = rows(include_bytes!("../../tests/data/cases.xls"));
    let root: Vec<u8> = "Root Entry".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (ahead, byte) in [(64, 0xFF), (66, 0xEE), (68, 0x07), (76, 0x77), (80, 0x01)] {
        assert_eq!(rows(&old_workbook_with(&root, ahead, byte)), sound, "{ahead} bytes ahead");
    }
    let name: Vec<u8> = "Workbook".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(rows(&old_workbook_with(&name, 0, b'w')), sound);
}

#[test]
fn a_workbook_with_a_password_says_so() {
    let refused = |bytes: &[u8]| refused(bytes, &FileFormat::default(), SourceReason::ProtectedWorkbook);
    // The code page of the workbook's strings becomes the record that begins an encrypted part.
    refused(&old_workbook_with(&[0x42, 0x00, 2, 0], 0, 0x2F));
    let mut container = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).expect("a container");
    container.create_stream("EncryptedPackage").expect("a stream");
    refused(&container.into_inner().into_inner());
}

/// A workbook of one sheet with these cells, each with its place.
fn workbook(cells: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut write = |name: &str, text: &str| {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("a new file");
        std::io::Write::write_all(&mut archive, text.as_bytes()).expect("written");
    };
    let kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relation = |id: &str, part: &str, target: &str| {
        let relation = format!(r#"<Relationship Id="{id}" Type="{kind}/{part}" Target="{target}"/>"#);
        format!("<Relationships>{relation}</Relationships>")
    };
    write("_rels/.rels", &relation("r0", "officeDocument", "xl/workbook.xml"));
    write("xl/_rels/workbook.xml.rels", &relation("r1", "worksheet", "worksheets/a.xml"));
    let sheet = r#"<sheet name="a" sheetId="1" r:id="r1"/>"#;
    write("xl/workbook.xml", &format!(r#"<workbook xmlns:r="{kind}"><sheets>{sheet}</sheets></workbook>"#));
    let rows: String = cells
        .iter()
        .map(|(place, text)| format!(r#"<row><c r="{place}" t="inlineStr"><is><t>{text}</t></is></c></row>"#))
        .collect();
    write("xl/worksheets/a.xml", &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"));
    archive.finish().expect("an archive").into_inner()
}

#[test]
fn a_cell_at_the_far_end_of_a_sheet_is_named_and_takes_no_memory() {
    let near = rows(&workbook(&[
        ("A1", "شماره"),
        ("B1", "نام"),
        ("A2", "۱"),
        ("B9", "هاجر"),
        // A formula that shows nothing.
        ("XFD1048576", ""),
    ]));
    let near: Vec<_> = near.into_iter().map(|row| row.expect("sound").cells).collect();
    assert_eq!(near, [["۱", ""], ["", "هاجر"]]);
    let far = workbook(&[("A1", "شماره"), ("A2", "۱"), ("XFD1048576", "x")]);
    let fault = refused(&far, &FileFormat::default(), SourceReason::UnreadableWorkbook);
    assert!(fault.message_en.contains("reaches to row 1048576 and column 16384"), "{fault}");
}

#[test]
fn a_torn_workbook_is_half_written_and_a_missing_sheet_is_named() {
    let bytes = include_bytes!("../../tests/data/cases.xlsx");
    refused(&bytes[..bytes.len() / 2], &FileFormat::default(), SourceReason::HalfWritten);
    let sheet = FileFormat { sheet: Some("گزارش".to_owned()), ..FileFormat::default() };
    assert!(refused(bytes, &sheet, SourceReason::MissingSheet).message_en.contains("`پرونده‌ها`"));
    refused(b"PK\x03\x04 no archive PK\x05\x06", &FileFormat::default(), SourceReason::UnreadableWorkbook);
}

#[test]
fn a_file_that_is_not_there_is_a_fault_with_its_name() {
    let fault = Opened::open(Path::new("nowhere/export.csv"), &FileFormat::default()).expect_err("a fault");
    assert_eq!((fault.reason, fault.file.as_str()), (SourceReason::Unreadable, "export.csv"));
}

#[test]
fn the_format_can_be_written_into_a_configuration_and_read_back() {
    let format = FileFormat {
        kind: Some(Kind::Delimited),
        encoding: Some(Encoding::Utf16Le),
        separator: Some(Separator::Tab),
        sheet: None,
    };
    let text = toml::to_string(&format).expect("toml");
    assert_eq!(text, "kind = \"delimited\"\nencoding = \"utf-16le\"\nseparator = \"\\t\"\n");
    assert_eq!(toml::from_str::<FileFormat>(&text).expect("toml"), format);
    let named: FileFormat = toml::from_str("kind = \"csv\"\nseparator = \"tab\"").expect("toml");
    assert_eq!((named.kind, named.separator), (Some(Kind::Delimited), Some(Separator::Tab)));
}
