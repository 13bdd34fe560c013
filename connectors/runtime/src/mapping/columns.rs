//! The mapped columns of one row, as the source wrote them.
//!
//! A file has many rows with the same columns. So the rows share the names, and all cells of a row are one text.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Columns and their cells, in the order of the columns' names. A row that could not be taken apart may lack some.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Sorted, each once.
    names: Arc<[String]>,
    /// All cells, one after another.
    text: String,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
}

impl Columns {
    /// `cells` are in the order of `names`, which are sorted. `None` if there are fewer of them.
    pub(crate) fn new<'c>(names: &Arc<[String]>, cells: impl Iterator<Item = &'c str> + Clone) -> Option<Self> {
        let mut text = String::with_capacity(cells.clone().map(str::len).sum());
        let mut ends = Vec::with_capacity(names.len());
        for cell in cells {
            text.push_str(cell);
            ends.push(text.len());
        }
        (ends.len() == names.len()).then(|| Self { names: Arc::clone(names), text, ends })
    }

    /// The cell of a column.
    pub(crate) fn get(&self, column: &str) -> Option<&str> {
        let index = self.names.binary_search_by(|name| name.as_str().cmp(column)).ok()?;
        Some(self.cell(index))
    }

    fn cell(&self, index: usize) -> &str {
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[begin..self.ends[index]]
    }

    /// The columns with their cells, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.names.iter().enumerate().map(|(index, name)| (name.as_str(), self.cell(index)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What all cells hold together.
    pub(crate) fn size_bytes(&self) -> usize {
        self.text.len()
    }
}

impl<'c> FromIterator<(&'c str, &'c str)> for Columns {
    fn from_iter<I: IntoIterator<Item = (&'c str, &'c str)>>(cells: I) -> Self {
        let sorted: BTreeMap<&str, &str> = cells.into_iter().collect();
        let (mut names, mut text, mut ends) = (Vec::new(), String::new(), Vec::new());
        for (name, cell) in sorted {
            names.push(name.to_owned());
            text.push_str(cell);
            ends.push(text.len());
        }
        Self { names: names.into(), text, ends }
    }
}

impl From<&BTreeMap<String, String>> for Columns {
    fn from(cells: &BTreeMap<String, String>) -> Self {
        cells.iter().map(|(column, cell)| (column.as_str(), cell.as_str())).collect()
    }
}

impl From<&Columns> for BTreeMap<String, String> {
    fn from(columns: &Columns) -> Self {
        columns.iter().map(|(column, cell)| (column.to_owned(), cell.to_owned())).collect()
    }
}

impl std::fmt::Debug for Columns {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}
