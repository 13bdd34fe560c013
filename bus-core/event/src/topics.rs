//! Every topic: its name, how it has to be configured, and who may read and write it.

mod access;
mod plan;

pub use access::{
    Acl, OPERATOR, Operation, PatternType, ROUTER, Resource, commands_transactional_id, connector_transactional_id,
    router_group,
};
pub use plan::TopicPlan;

/// The names of all topics. Every name begins with a prefix that the deployment chooses, so that several of them can
/// share a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    prefix: String,
}

impl Default for Topics {
    fn default() -> Self {
        Self::new(Self::DEFAULT_PREFIX)
    }
}

impl Topics {
    /// The prefix of a deployment that chooses none.
    pub const DEFAULT_PREFIX: &str = "barid.";

    /// Topics with this prefix; it is written before each name as it is, dot included.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The prefix of every name.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the agency published.
    #[must_use]
    pub fn events(&self, agency: &str) -> String {
        self.of_agency("events", agency)
    }

    /// What the agency may see.
    #[must_use]
    pub fn inbox(&self, agency: &str) -> String {
        self.of_agency("inbox", agency)
    }

    /// The agency's rows that could not become events.
    #[must_use]
    pub fn quarantine(&self, agency: &str) -> String {
        self.of_agency("quarantine", agency)
    }

    /// The agency's events that could not be routed.
    #[must_use]
    pub fn deadletter(&self, agency: &str) -> String {
        self.of_agency("deadletter", agency)
    }

    /// What the agency's connector knows about its cases.
    #[must_use]
    pub fn cases(&self, agency: &str) -> String {
        self.of_agency("cases", agency)
    }

    /// Versions of the policy.
    #[must_use]
    pub fn policy(&self) -> String {
        self.shared("policy")
    }

    /// From where on a version of the policy was in force.
    #[must_use]
    pub fn policy_applied(&self) -> String {
        self.shared("policy-applied")
    }

    /// Watch keys.
    #[must_use]
    pub fn watch(&self) -> String {
        self.shared("watch")
    }

    /// What is asked of the agency's connector. Of its own, for what a row should say is nobody else's business.
    #[must_use]
    pub fn commands_of(&self, agency: &str) -> String {
        self.of_agency("commands", agency)
    }

    /// What operators ask of routers.
    #[must_use]
    pub fn commands(&self) -> String {
        self.shared("commands")
    }

    /// Where sources stand.
    #[must_use]
    pub fn positions(&self) -> String {
        self.shared("positions")
    }

    /// Who lives.
    #[must_use]
    pub fn heartbeats(&self) -> String {
        self.shared("heartbeats")
    }

    /// What the bus itself says.
    #[must_use]
    pub fn notices(&self) -> String {
        self.shared("notices")
    }

    /// A regular expression, as librdkafka wants it, for the events of all agencies.
    #[must_use]
    pub fn events_pattern(&self) -> String {
        let mut escaped = String::new();
        for character in self.shared("events.").chars() {
            // Topic names consist of letters, digits, `.`, `_` and `-`; of these only the dot means something here.
            if character == '.' {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        format!("^{escaped}.+")
    }

    /// The agency that a topic of this deployment belongs to: `events`, `inbox`, `quarantine`, `deadletter`, `cases` or
    /// `commands`.
    #[must_use]
    pub fn agency_of<'a>(&self, topic: &'a str) -> Option<&'a str> {
        let (kind, agency) = topic.strip_prefix(&self.prefix)?.split_once('.')?;
        (plan::AGENCY_KINDS.contains(&kind) && !agency.is_empty()).then_some(agency)
    }

    fn of_agency(&self, kind: &str, agency: &str) -> String {
        format!("{}{kind}.{agency}", self.prefix)
    }

    fn shared(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}
