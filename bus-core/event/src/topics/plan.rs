//! How each topic has to be configured.

use std::collections::BTreeMap;

use super::Topics;

/// The topics that each agency has of its own.
pub(super) const AGENCY_KINDS: [&str; 6] = ["events", "inbox", "quarantine", "deadletter", "cases", "commands"];

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// One topic as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    pub name: String,
    /// Fixed for ever: a key would change its partition, and with it the order of its case.
    pub partitions: u32,
    /// `None`: as many copies as the cluster gives by default.
    pub replication: Option<u16>,
    /// Settings of the topic under their Kafka names.
    pub config: BTreeMap<&'static str, String>,
}

enum Keep {
    Days(u64),
    Compacted,
    ForEver,
}

impl Topics {
    /// All topics of a deployment with these agencies: the shared ones, then those of each agency.
    #[must_use]
    pub fn plan<'a>(&self, agencies: impl IntoIterator<Item = &'a str>) -> Vec<TopicPlan> {
        let mut plans = vec![
            plan(self.policy(), 1, &Keep::ForEver),
            plan(self.policy_applied(), 1, &Keep::ForEver),
            plan(self.watch(), 1, &Keep::Compacted),
            plan(self.commands(), 1, &Keep::Days(365)),
            plan(self.positions(), 1, &Keep::Compacted),
            plan(self.heartbeats(), 1, &Keep::Compacted),
            plan(self.notices(), 1, &Keep::Days(365)),
        ];
        for agency in agencies {
            plans.extend([
                plan(self.events(agency), 6, &Keep::Days(90)),
                // Few: the cost of a router's transaction is the number of partitions that it touches.
                plan(self.inbox(agency), 3, &Keep::Days(90)),
                plan(self.quarantine(agency), 1, &Keep::Compacted),
                plan(self.deadletter(agency), 1, &Keep::Days(365)),
                plan(self.cases(agency), 1, &Keep::Compacted),
                plan(self.commands_of(agency), 1, &Keep::Days(365)),
            ]);
        }
        plans
    }
}

fn plan(name: String, partitions: u32, keep: &Keep) -> TopicPlan {
    let (policy, retention_ms) = match keep {
        Keep::Days(days) => ("delete", Some((days * DAY_MS).to_string())),
        Keep::ForEver => ("delete", Some("-1".to_owned())),
        Keep::Compacted => ("compact", None),
    };
    let mut config = BTreeMap::from([("cleanup.policy", policy.to_owned())]);
    if let Some(retention_ms) = retention_ms {
        config.insert("retention.ms", retention_ms);
        // By age alone: a limit in bytes that the cluster sets would delete before the promised time.
        config.insert("retention.bytes", "-1".to_owned());
    }
    // The broker's clock, not the producer's: validity of permits and retention are judged by the timestamp, and office
    // computers have wrong clocks. With `CreateTime` a clock that is years behind would have its records deleted at once,
    // and one that is hours ahead would have them refused.
    config.insert("message.timestamp.type", "LogAppendTime".to_owned());
    TopicPlan { name, partitions, replication: None, config }
}
