//! The field groups of a case event and sets of them.

use std::fmt;

/// A field group: a nullable record of [`crate::CaseEvent`] that a permit gives or withholds as a whole.
///
/// The order of the variants is the order of the fields in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Identity,
    Number,
    Person,
    Contact,
    Parcel,
    Decision,
    Money,
    Violation,
    Business,
    Resolution,
    Attachments,
}

impl Group {
    /// How many groups there are.
    pub const COUNT: usize = 11;

    /// All groups in schema order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Identity,
        Self::Number,
        Self::Person,
        Self::Contact,
        Self::Parcel,
        Self::Decision,
        Self::Money,
        Self::Violation,
        Self::Business,
        Self::Resolution,
        Self::Attachments,
    ];

    /// The name of the group's field in the Avro schema.
    #[must_use]
    pub const fn field_name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Number => "number",
            Self::Person => "person",
            Self::Contact => "contact",
            Self::Parcel => "parcel",
            Self::Decision => "decision",
            Self::Money => "money",
            Self::Violation => "violation",
            Self::Business => "business",
            Self::Resolution => "resolution",
            Self::Attachments => "attachments",
        }
    }

    /// The letter that permits and legal texts use for the group.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Identity => 'T',
            Self::Number => 'N',
            Self::Person => 'P',
            Self::Contact => 'C',
            Self::Parcel => 'L',
            Self::Decision => 'D',
            Self::Money => 'M',
            Self::Violation => 'V',
            Self::Business => 'B',
            Self::Resolution => 'R',
            Self::Attachments => 'A',
        }
    }

    /// The group whose Avro field has this name.
    #[must_use]
    pub fn from_field_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.field_name() == name)
    }

    /// The group with this letter.
    #[must_use]
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.letter() == letter)
    }

    /// The group's place in [`Group::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.field_name())
    }
}

/// A set of field groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupSet(u16);

impl GroupSet {
    /// The set without a group: the envelope alone.
    pub const EMPTY: Self = Self(0);

    /// The set of all groups.
    pub const ALL: Self = Self((1 << Group::COUNT) - 1);

    /// Whether the set holds `group`.
    #[must_use]
    pub const fn contains(self, group: Group) -> bool {
        self.0 & (1 << group.index()) != 0
    }

    /// The set with `group` added.
    #[must_use]
    pub const fn with(self, group: Group) -> Self {
        Self(self.0 | (1 << group.index()))
    }

    /// The set without `group`.
    #[must_use]
    pub const fn without(self, group: Group) -> Self {
        Self(self.0 & !(1 << group.index()))
    }

    /// Whether every group of `other` is in this set.
    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether the set holds no group.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The groups of the set in schema order.
    pub fn iter(self) -> impl Iterator<Item = Group> {
        Group::ALL.into_iter().filter(move |group| self.contains(*group))
    }
}

impl FromIterator<Group> for GroupSet {
    fn from_iter<I: IntoIterator<Item = Group>>(groups: I) -> Self {
        groups.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for GroupSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}
