//! The kinds of faults, and the order in which a run brings them.

use std::fmt;

use fastrand::Rng;

/// What can go wrong. Each is carried out by [`crate::inflict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillRouter,
    KillConnector,
    FreezeRouter,
    FreezeConnector,
    ReplaceRouter,
    ReplaceConnector,
    KillBroker,
    KillTransactionCoordinator,
    KillGroupCoordinator,
    StopBroker,
    FreezeBroker,
    FillDisk,
    KillWhileBrokerReturns,
    CutNetwork,
    HoldNetwork,
    HoldAnswers,
    SlowNetwork,
    RegistryAway,
}

impl Fault {
    pub(crate) const ALL: [Self; 18] = [
        Self::KillRouter,
        Self::KillConnector,
        Self::FreezeRouter,
        Self::FreezeConnector,
        Self::ReplaceRouter,
        Self::ReplaceConnector,
        Self::KillBroker,
        Self::KillTransactionCoordinator,
        Self::KillGroupCoordinator,
        Self::StopBroker,
        Self::FreezeBroker,
        Self::FillDisk,
        Self::KillWhileBrokerReturns,
        Self::CutNetwork,
        Self::HoldNetwork,
        Self::HoldAnswers,
        Self::SlowNetwork,
        Self::RegistryAway,
    ];

    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KillRouter => "kill-router",
            Self::KillConnector => "kill-connector",
            Self::FreezeRouter => "freeze-router",
            Self::FreezeConnector => "freeze-connector",
            Self::ReplaceRouter => "replace-router",
            Self::ReplaceConnector => "replace-connector",
            Self::KillBroker => "kill-broker",
            Self::KillTransactionCoordinator => "kill-transaction-coordinator",
            Self::KillGroupCoordinator => "kill-group-coordinator",
            Self::StopBroker => "stop-broker",
            Self::FreezeBroker => "freeze-broker",
            Self::FillDisk => "fill-disk",
            Self::KillWhileBrokerReturns => "kill-while-broker-returns",
            Self::CutNetwork => "cut-network",
            Self::HoldNetwork => "hold-network",
            Self::HoldAnswers => "hold-answers",
            Self::SlowNetwork => "slow-network",
            Self::RegistryAway => "registry-away",
        }
    }

    /// What it is, in a few words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::KillRouter => "a router is killed (SIGKILL) and started again",
            Self::KillConnector => "a connector is killed (SIGKILL) and started again",
            Self::FreezeRouter => "a router stands still (SIGSTOP) beyond all time limits and wakes",
            Self::FreezeConnector => "a connector stands still (SIGSTOP) beyond all time limits and wakes",
            Self::ReplaceRouter => "a router stands still, another one takes its name, the first one wakes",
            Self::ReplaceConnector => "a connector stands still, another one takes its name, the first one wakes",
            Self::KillBroker => "a broker is killed (SIGKILL) and comes back",
            Self::KillTransactionCoordinator => "the broker that coordinates a router's transactions is killed",
            Self::KillGroupCoordinator => "the broker that coordinates the routers' group is killed",
            Self::StopBroker => "a broker is stopped in order (SIGTERM) and comes back",
            Self::FreezeBroker => "a broker stands still (SIGSTOP) beyond its session and wakes",
            Self::FillDisk => "every write of a broker fails as on a full disk, it ends, and comes back with room",
            Self::KillWhileBrokerReturns => "a router and a connector are killed while a killed broker comes back",
            Self::CutNetwork => "connections between one process and one broker are closed and refused",
            Self::HoldNetwork => "connections between one process and one broker are half open",
            Self::HoldAnswers => "a broker gets a process's requests, its answers do not arrive",
            Self::SlowNetwork => "every piece between one process and one broker comes late",
            Self::RegistryAway => "the registry cannot be reached while a router and a connector start",
        }
    }

    /// The kind with this name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("known here: {}", known.join(", "))
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// So many faults, of every kind equally often, in an order of chance.
pub(crate) fn schedule(random: &mut Rng, kinds: &[Fault], count: usize) -> Vec<Fault> {
    let mut faults = Vec::with_capacity(count + kinds.len());
    while faults.len() < count {
        let mut round = kinds.to_vec();
        random.shuffle(&mut round);
        faults.extend(round);
    }
    faults.truncate(count);
    faults
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_round_has_every_kind_once_and_the_same_seed_the_same_order() {
        let faults = |seed| schedule(&mut Rng::with_seed(seed), &Fault::ALL, 40);
        assert_eq!(faults(5), faults(5));
        assert_ne!(faults(5), faults(6));
        assert_eq!(faults(5).len(), 40);
        assert_eq!(faults(5)[..18].iter().collect::<BTreeSet<_>>().len(), Fault::ALL.len());
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.name()), Ok(fault));
        }
        assert!(Fault::named("flood").is_err());
    }
}
