//! Where a value comes from.

use std::fmt;

use barid_mistake::Place;

/// Where the value in force was written. The order is the precedence: what comes later wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The defaults that are built in.
    Default,
    /// The file of the deployment, with the line.
    File(Place),
    /// An environment variable, by name.
    Environment(String),
    /// A flag, by name with its dashes.
    Flag(String),
}

impl Origin {
    /// Where a mistake in this value stands.
    pub(crate) fn place(&self) -> Place {
        match self {
            Origin::Default => Place::file("defaults"),
            Origin::File(place) => place.clone(),
            Origin::Environment(name) => Place::file(name),
            Origin::Flag(name) => Place::file(name),
        }
    }

    /// 0 for the weakest.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File(_) => 1,
            Origin::Environment(_) => 2,
            Origin::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => formatter.write_str("default"),
            Origin::File(place) => write!(formatter, "{place}"),
            Origin::Environment(name) => write!(formatter, "environment {name}"),
            Origin::Flag(name) => write!(formatter, "flag {name}"),
        }
    }
}
