//! Who may read and write which topic, as Kafka ACLs.

use super::Topics;

/// One thing that one principal may do. What no entry allows is denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// `User:<name>`.
    pub principal: String,
    pub resource: Resource,
    pub pattern: PatternType,
    /// A name or, with [`PatternType::Prefixed`], what it begins with.
    pub name: String,
    pub operation: Operation,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Topic,
    Group,
    TransactionalId,
}

/// How the name of an entry is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatternType {
    Literal,
    Prefixed,
}

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Read,
    Write,
    Describe,
}

impl Topics {
    /// All entries of a deployment with these agencies.
    #[must_use]
    pub fn acls<'a>(&self, agencies: impl IntoIterator<Item = &'a str>) -> Vec<Acl> {
        let _ = agencies;
        Vec::new()
    }
}
