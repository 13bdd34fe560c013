//! How large a table of cells would be.

/// Tables of so many cells are held whatever they look like; they take a gigabyte or two.
const ALWAYS_HELD: u64 = 20_000_000;

/// Larger ones may have at most so many cells for each one that holds something: a single cell at the far end of a sheet would
/// take 400 GB.
const HELD_FOR_EACH_CELL: u64 = 10;

/// The rectangle that cells span, and how many they are. Rows and columns count from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    cells: u64,
    /// Top, left, bottom, right.
    corners: Option<(u32, u32, u32, u32)>,
}

impl Extent {
    pub(super) fn include(&mut self, row: u32, column: u32) {
        self.cells += 1;
        let (top, left, bottom, right) = self.corners.unwrap_or((row, column, row, column));
        self.corners = Some((top.min(row), left.min(column), bottom.max(row), right.max(column)));
    }

    fn size(&self) -> u64 {
        let size = |(top, left, bottom, right)| u64::from(bottom - top + 1) * u64::from(right - left + 1);
        self.corners.map_or(0, size)
    }
}

/// Where the largest of these tables ends, row and column, if they are too large to be held together.
pub(super) fn too_large(tables: &[Extent]) -> Option<(u32, u32)> {
    let size = tables.iter().fold(0_u64, |size, table| size.saturating_add(table.size()));
    let cells: u64 = tables.iter().map(|table| table.cells).sum();
    let largest = tables.iter().max_by_key(|table| table.size())?;
    let (_, _, bottom, right) = largest.corners?;
    (size > ALWAYS_HELD.max(HELD_FOR_EACH_CELL.saturating_mul(cells))).then_some((bottom, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: impl IntoIterator<Item = (u32, u32)>) -> Extent {
        let mut extent = Extent::default();
        cells.into_iter().for_each(|(row, column)| extent.include(row, column));
        extent
    }

    #[test]
    fn what_is_small_or_full_is_held_and_a_far_cell_is_not() {
        assert_eq!(too_large(&[]), None);
        assert_eq!(too_large(&[of([(0, 0), (65_535, 255)])]), None);
        assert_eq!(too_large(&[of([(0, 0), (1_048_575, 16_383)])]), Some((1_048_575, 16_383)));
        let full = (0..3_000_000).map(|row| (row, row % 20));
        assert_eq!(too_large(&[of(full)]), Some((2_999_999, 19)));
        let full = (0..3_000_000).flat_map(|row| [(row, 0), (row, 9), (row, 19)]);
        assert_eq!(too_large(&[of(full)]), None);
    }

    #[test]
    fn tables_that_are_small_each_can_be_too_large_together() {
        let one = of([(0, 0), (65_535, 255)]);
        assert_eq!(too_large(&[one, Extent::default()]), None);
        assert_eq!(too_large(&[one, one]), Some((65_535, 255)));
    }
}
