//! The files of a policy as they are written. What the words mean is [`crate::load()`]'s business: here they are text with a
//! place, so that one reading can find fault with all of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

/// `permits/<publisher>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PermitFile {
    #[serde(default)]
    pub(crate) permit: Vec<Spanned<WrittenPermit>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenPermit {
    pub(crate) number: Option<Spanned<String>>,
    pub(crate) subscriber: Option<Spanned<String>>,
    pub(crate) valid_from: Option<Spanned<Datetime>>,
    pub(crate) valid_until: Option<Spanned<Datetime>>,
    #[serde(default)]
    pub(crate) grant: Vec<Spanned<WrittenGrant>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenGrant {
    pub(crate) service: Option<Spanned<String>>,
    pub(crate) statuses: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) groups: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) view: Option<Spanned<String>>,
    pub(crate) requires: Option<Spanned<String>>,
}

/// `subscriptions/*.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubscriptionFile {
    #[serde(default)]
    pub(crate) subscription: Vec<Spanned<WrittenSubscription>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenSubscription {
    pub(crate) subscriber: Option<Spanned<String>>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) publisher: Option<Spanned<String>>,
    pub(crate) service: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) counties: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) filters: Vec<Spanned<WrittenFilter>>,
}

/// Attribute to text.
pub(crate) type WrittenTests = BTreeMap<Spanned<String>, Spanned<String>>;

/// Exactly one of the keys is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenFilter {
    pub(crate) exact: Option<WrittenTests>,
    pub(crate) prefix: Option<WrittenTests>,
    pub(crate) suffix: Option<WrittenTests>,
    pub(crate) all: Option<Vec<Spanned<WrittenFilter>>>,
    pub(crate) any: Option<Vec<Spanned<WrittenFilter>>>,
    pub(crate) not: Option<Box<Spanned<WrittenFilter>>>,
}
