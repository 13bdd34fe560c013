//! `connector.toml` as people write it, version 1.
//!
//! These types know the keys and nothing else; what the words mean is checked by [`super::check`]. Every word that a
//! check may refuse is kept with its place.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use toml::Spanned;

/// The version of the format that this program writes and reads.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenConfig {
    pub(super) version: Spanned<u32>,
    pub(super) connector: WrittenConnector,
    #[serde(rename = "source", default)]
    pub(super) sources: Vec<WrittenSource>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenConnector {
    pub(super) agency: Spanned<String>,
    #[serde(default)]
    pub(super) lenient: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSource {
    pub(super) name: Spanned<String>,
    pub(super) kind: Spanned<String>,
    pub(super) path: Spanned<String>,
    pub(super) format: Option<Spanned<String>>,
    pub(super) encoding: Option<Spanned<String>>,
    pub(super) separator: Option<Spanned<String>>,
    pub(super) sheet: Option<Spanned<String>>,
    pub(super) row_key: Option<Spanned<String>>,
    pub(super) case: WrittenCase,
    pub(super) service: WrittenService,
    pub(super) status: WrittenStatus,
    pub(super) fields: BTreeMap<Spanned<String>, WrittenField>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCase {
    pub(super) columns: Vec<Spanned<String>>,
    pub(super) cast: Option<Spanned<String>>,
    pub(super) prefix: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenService {
    pub(super) fixed: Option<Spanned<String>>,
    pub(super) column: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) words: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenStatus {
    pub(super) column: Spanned<String>,
    /// Service code → word → status code.
    pub(super) words: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<String>>>,
}

/// One rule, or several of which the first whose `when` holds is used.
#[derive(Debug)]
pub(super) struct WrittenField(pub(super) Vec<WrittenRule>);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRule {
    pub(super) column: Option<Spanned<String>>,
    pub(super) value: Option<Spanned<toml::Value>>,
    pub(super) from: Option<Spanned<String>>,
    pub(super) observed: Option<Spanned<bool>>,
    pub(super) cast: Option<Spanned<String>>,
    pub(super) century: Option<Spanned<u16>>,
    #[serde(default)]
    pub(super) padded: bool,
    pub(super) words: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
    pub(super) other_words: Option<Spanned<String>>,
    pub(super) split: Option<WrittenSplit>,
    pub(super) when: Option<WrittenWhen>,
    #[serde(default)]
    pub(super) required: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSplit {
    pub(super) by: Spanned<String>,
    pub(super) part: Spanned<usize>,
}

/// All conditions must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenWhen {
    #[serde(default)]
    pub(super) status: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) status_not: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) service: Vec<Spanned<String>>,
    pub(super) column: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) is: Vec<String>,
    #[serde(default)]
    pub(super) is_not: Vec<String>,
}

impl<'de> Deserialize<'de> for WrittenField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = WrittenField;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a rule such as `{ column = \"…\", cast = \"…\" }`, or a list of rules")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenField, A::Error> {
                WrittenRule::deserialize(MapAccessDeserializer::new(map)).map(|rule| WrittenField(vec![rule]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<WrittenField, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(WrittenField)
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}
