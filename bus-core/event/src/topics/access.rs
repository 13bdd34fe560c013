//! Who may read and write which topic, as Kafka ACLs.
//!
//! What no entry allows is denied; the cluster has to run with an authoriser for that to hold.
//!
//! * `User:<agency>`, the agency's connector and the readers of its inbox, reads its inbox and what its own connector
//!   keeps, and writes what is its own. Positions, heartbeats and notices of all agencies share a topic each, which an ACL
//!   cannot divide: their records name places and counters, never a person or a parcel. An agency reads neither the events,
//!   inboxes, quarantine nor commands of others, and does not write the watch topic, for a watch key opens a condition of a permit:
//!   the operator registers it.
//! * `User:barid-router` reads all events and writes all inboxes and dead letters.
//! * `User:barid-operator` reads everything, applies topics and policy, registers watch keys and gives commands.

use super::Topics;

/// The principal of all routers.
pub const ROUTER: &str = "User:barid-router";
/// The principal of the operators.
pub const OPERATOR: &str = "User:barid-operator";

/// One thing that one principal may do, from any host. `Describe` goes with every `Read` and `Write` and has no entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// `User:<name>`.
    pub principal: String,
    pub resource: Resource,
    pub pattern: PatternType,
    /// A name or, with [`PatternType::Prefixed`], what names begin with.
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

impl Resource {
    /// The option of `kafka-acls` that names the resource, without its dashes.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Group => "group",
            Self::TransactionalId => "transactional-id",
        }
    }
}

/// How the name of an entry is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatternType {
    Literal,
    Prefixed,
}

impl PatternType {
    /// The word of `kafka-acls`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Literal => "literal",
            Self::Prefixed => "prefixed",
        }
    }
}

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Read,
    Write,
    Create,
    AlterConfigs,
    DescribeConfigs,
}

impl Operation {
    /// The word of `kafka-acls`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Create => "Create",
            Self::AlterConfigs => "AlterConfigs",
            Self::DescribeConfigs => "DescribeConfigs",
        }
    }
}

/// The consumer group of all routers of a deployment.
#[must_use]
pub fn router_group(deployment: &str) -> String {
    format!("{deployment}.router")
}

/// The transactional id of an agency's one connector.
#[must_use]
pub fn connector_transactional_id(deployment: &str, agency: &str) -> String {
    format!("{deployment}/{agency}")
}

/// The transactional id under which commands to an agency's connector are written, by an operator or by the agency itself.
#[must_use]
pub fn commands_transactional_id(deployment: &str, agency: &str) -> String {
    format!("{deployment}/operator/commands/{agency}")
}

impl Topics {
    /// All entries of a deployment with this name and these agencies.
    #[must_use]
    pub fn acls<'a>(&self, deployment: &str, agencies: impl IntoIterator<Item = &'a str>) -> Vec<Acl> {
        let mut acls = self.router_acls(deployment);
        acls.extend(self.operator_acls(deployment));
        for agency in agencies {
            acls.extend(self.agency_acls(deployment, agency));
        }
        acls
    }

    fn agency_acls(&self, deployment: &str, agency: &str) -> Vec<Acl> {
        use Operation::{Read, Write};
        let entries = Entries::of(&format!("User:{agency}"));
        entries
            .topic(self.events(agency), &[Write])
            .topic(self.inbox(agency), &[Read])
            .topic(self.quarantine(agency), &[Read, Write])
            .topic(self.cases(agency), &[Read, Write])
            .topic(self.commands_of(agency), &[Read, Write])
            .topic(self.positions(), &[Read, Write])
            .topic(self.heartbeats(), &[Write])
            .topic(self.notices(), &[Write])
            .literal(Resource::Group, agency.to_owned(), &[Read])
            // The dot ends the code, so that `samt` gets no group of `samt_mines`.
            .prefixed(Resource::Group, format!("{agency}."), &[Read])
            .literal(Resource::TransactionalId, connector_transactional_id(deployment, agency), &[Write])
            .literal(Resource::TransactionalId, commands_transactional_id(deployment, agency), &[Write])
            .acls
    }

    fn router_acls(&self, deployment: &str) -> Vec<Acl> {
        use Operation::{Read, Write};
        Entries::of(ROUTER)
            .prefixed(Resource::Topic, self.events(""), &[Read])
            .prefixed(Resource::Topic, self.inbox(""), &[Write])
            .prefixed(Resource::Topic, self.deadletter(""), &[Write])
            .topic(self.policy(), &[Read])
            .topic(self.policy_applied(), &[Write])
            .topic(self.watch(), &[Read])
            .topic(self.commands(), &[Read])
            .topic(self.heartbeats(), &[Write])
            .topic(self.notices(), &[Write])
            .literal(Resource::Group, router_group(deployment), &[Read])
            .prefixed(Resource::TransactionalId, format!("{deployment}/"), &[Write])
            .acls
    }

    fn operator_acls(&self, deployment: &str) -> Vec<Acl> {
        use Operation::{AlterConfigs, Create, DescribeConfigs, Read, Write};
        Entries::of(OPERATOR)
            .prefixed(Resource::Topic, self.prefix().to_owned(), &[Read, Create, AlterConfigs, DescribeConfigs])
            .topic(self.policy(), &[Write])
            .topic(self.watch(), &[Write])
            .topic(self.commands(), &[Write])
            .prefixed(Resource::Topic, self.commands_of(""), &[Write])
            .prefixed(Resource::TransactionalId, format!("{deployment}/operator"), &[Write])
            .acls
    }
}

/// Entries of one principal.
struct Entries {
    principal: String,
    acls: Vec<Acl>,
}

impl Entries {
    fn of(principal: &str) -> Self {
        Self { principal: principal.to_owned(), acls: Vec::new() }
    }

    fn topic(self, name: String, operations: &[Operation]) -> Self {
        self.literal(Resource::Topic, name, operations)
    }

    fn literal(self, resource: Resource, name: String, operations: &[Operation]) -> Self {
        self.add(resource, PatternType::Literal, &name, operations)
    }

    fn prefixed(self, resource: Resource, name: String, operations: &[Operation]) -> Self {
        self.add(resource, PatternType::Prefixed, &name, operations)
    }

    fn add(mut self, resource: Resource, pattern: PatternType, name: &str, operations: &[Operation]) -> Self {
        self.acls.extend(operations.iter().map(|&operation| Acl {
            principal: self.principal.clone(),
            resource,
            pattern,
            name: name.to_owned(),
            operation,
        }));
        self
    }
}
