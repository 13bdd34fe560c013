//! The first record of a table as the names of its columns.

use csv::StringRecord;

use super::fault::{SourceFault, SourceReason, Words};
use crate::text;

/// The names of the columns. Blank names at the end are dropped, a blank name in the middle becomes `#` and its number.
pub(super) fn header(file: &str, mut cells: Vec<String>) -> Result<Vec<String>, SourceFault> {
    while cells.last().is_some_and(|cell| text::clean(cell).is_empty()) {
        cells.pop();
    }
    let reads_as_name = |cell: &String| text::clean(cell).chars().any(char::is_alphabetic);
    if !cells.iter().any(reads_as_name) || cells.iter().any(|cell| is_a_value(cell)) {
        return Err(SourceFault::new(
            file,
            SourceReason::MissingHeader,
            Words(
                "the first line is not a header: it holds values, not names of columns",
                "سطر نخست عنوان ستون‌ها نیست: به‌جای نام ستون مقدار دارد",
                "export again with the names of the columns in the first line",
                "دوباره و با عنوان ستون‌ها در سطر نخست خروجی بگیرید",
            ),
        ));
    }
    let mut keys: Vec<String> = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter_mut().enumerate() {
        *cell = text::clean(cell);
        if cell.is_empty() {
            *cell = format!("#{}", index + 1);
        }
        let key = text::key(cell);
        if let Some(first) = keys.iter().position(|other| *other == key) {
            return Err(SourceFault::new(
                file,
                SourceReason::DoubledColumn,
                Words(
                    &format!("two columns have the same name: column {} and column {}", first + 1, index + 1),
                    &format!("دو ستون یک نام دارند: ستون {} و ستون {}", first + 1, index + 1),
                    "give each column a name of its own in the export",
                    "در خروجی به هر ستون نام جداگانه بدهید",
                ),
            )
            .at_column(cell));
        }
        keys.push(key);
    }
    Ok(cells)
}

/// A long number, a date, a code: no one names a column so.
fn is_a_value(cell: &str) -> bool {
    let plain = text::ascii_digits(&text::clean(cell));
    let digits = plain.chars().filter(char::is_ascii_digit).count();
    digits >= 6 && plain.chars().all(|c| c.is_ascii_digit() || matches!(c, '/' | '-' | '.' | ',' | '٬' | ' ' | ':'))
}

/// The number of a row that has been cut into as many cells as the header has, or its fault. `None` for a row without any text.
pub(super) fn fit(
    file: &str,
    header: &[String],
    row: u64,
    cells: &mut StringRecord,
) -> Option<Result<u64, SourceFault>> {
    if cells.iter().all(|cell| cell.trim().is_empty()) {
        return None;
    }
    while cells.len() > header.len() && cells.get(cells.len() - 1).is_some_and(|cell| cell.trim().is_empty()) {
        cells.truncate(cells.len() - 1);
    }
    let all = |cells: &StringRecord| cells.iter().map(str::to_owned).collect();
    let (expected, found) = (header.len(), cells.len());
    if expected != found {
        return Some(Err(SourceFault::new(
            file,
            SourceReason::WrongCellCount,
            Words(
                &format!("the row has {found} cells, the header has {expected}"),
                &format!("این سطر {found} خانه دارد، ولی عنوان {expected} ستون دارد"),
                "put cells that hold the separator or a line break into quotes, and export again",
                "خانه‌هایی را که جداکننده یا سطر تازه در خود دارند در گیومه \" بگذارید و دوباره خروجی بگیرید",
            ),
        )
        .at_row(row)
        .with_cells(all(cells))));
    }
    let is_destroyed = |text: &str| text.contains(char::REPLACEMENT_CHARACTER);
    if let Some(index) = is_destroyed(cells.as_slice()).then(|| cells.iter().position(is_destroyed)).flatten() {
        return Some(Err(SourceFault::new(
            file,
            SourceReason::UndecodableText,
            Words(
                "a character of the cell is destroyed: its bytes mean nothing in the encoding of the file",
                "نویسه‌ای از این خانه از میان رفته است: بایت‌های آن در کدگذاری فایل معنایی ندارد",
                "type the text of the cell again in the source and export again",
                "متن این خانه را در سامانه مبدأ دوباره وارد کنید و دوباره خروجی بگیرید",
            ),
        )
        .at_row(row)
        .at_column(&header[index])
        .with_cells(all(cells))));
    }
    Some(Ok(row))
}
