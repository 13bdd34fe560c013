//! How each fault is carried out: who is chosen, what is done, how it is undone.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use barid_harness::HANGS_AFTER;
use barid_harness::proxy::Path;
use fastrand::Rng;

use crate::fault::Fault;
use crate::stage::{FENCED, Kind, ROUTERS, Stage};
use crate::witness::Witness;

/// Beyond the session of a group (6 s), and beyond a transaction (10 s) and the broker's look for it (1 s).
const FROZEN: Duration = Duration::from_secs(13);

/// Beyond a broker's session (4 s): its leaderships have moved.
const BROKER_AWAY: Duration = Duration::from_secs(7);

/// Beyond a drain, a commit (5 s) and a request (10 s) of a client.
const NETWORK_AWAY: Duration = Duration::from_secs(11);

/// How much later each piece comes, and for how long.
const LATE: Duration = Duration::from_millis(150);
const SLOW: Duration = Duration::from_secs(6);

/// Longer than the roles need to find out that nobody answers.
const REGISTRY_AWAY: Duration = Duration::from_secs(6);

/// The most slots of a router.
const MOST_SLOTS: usize = 3;

/// A fault that was carried out.
pub(crate) struct Inflicted {
    /// Whom it hit, for people.
    pub(crate) whom: String,
    /// From when on all could be well again.
    pub(crate) cured: Instant,
}

/// Carries out faults, one at a time.
pub(crate) struct Inflictor<'s> {
    pub(crate) stage: &'s mut Stage,
    pub(crate) witness: &'s Witness,
    pub(crate) random: Rng,
    /// The broker whose turn it is.
    next_broker: usize,
    /// How often slots or routers were changed.
    pub(crate) rescaled: usize,
}

impl<'s> Inflictor<'s> {
    pub(crate) fn new(stage: &'s mut Stage, witness: &'s Witness, random: Rng) -> Self {
        Self { stage, witness, random, next_broker: 0, rescaled: 0 }
    }

    /// Gives the group another form: the third router comes or goes, or another one comes back with other slots.
    pub(crate) fn rescale(&mut self) -> Result<String> {
        self.rescaled += 1;
        let place = self.stage.role(ROUTERS[self.random.usize(..ROUTERS.len())])?;
        let slots = self.random.usize(1..=MOST_SLOTS);
        let name = self.stage.roles[place].name.clone();
        // The other two are always there.
        if name == ROUTERS[2] && self.stage.roles[place].running.is_some() {
            self.stage.stop(place)?;
            return Ok(format!("{name} goes"));
        }
        if self.stage.roles[place].running.is_some() {
            self.stage.stop(place)?;
        }
        self.stage.roles[place].kind = Kind::Router { slots };
        self.stage.start(place)?;
        Ok(format!("{name} comes with {slots} slot(s)"))
    }

    /// Carries out a fault and undoes it.
    pub(crate) fn inflict(&mut self, fault: Fault) -> Result<Inflicted> {
        let whom = match fault {
            Fault::KillRouter => self.kill(true)?,
            Fault::KillConnector => self.kill(false)?,
            Fault::FreezeRouter => self.freeze(true)?,
            Fault::FreezeConnector => self.freeze(false)?,
            Fault::ReplaceRouter => self.replace(true)?,
            Fault::ReplaceConnector => self.replace(false)?,
            Fault::KillBroker => {
                let broker = self.broker_in_turn();
                self.kill_broker(broker)?
            }
            Fault::KillTransactionCoordinator => {
                let router = self.one_of(true);
                let id = self.stage.transactional_id(router);
                let broker = self.stage.cluster.transaction_coordinator(&id)?;
                format!("{} of {}", self.kill_broker(broker)?, self.stage.roles[router].name)
            }
            Fault::KillGroupCoordinator => {
                let broker = self.stage.cluster.group_coordinator(&self.stage.deployment.router_group())?;
                self.kill_broker(broker)?
            }
            Fault::StopBroker => {
                let broker = self.broker_in_turn();
                self.stage.cluster.stop(broker)?;
                self.bring_back(broker)?
            }
            Fault::FreezeBroker => {
                let broker = self.broker_in_turn();
                self.stage.cluster.freeze(broker)?;
                self.stage.last(BROKER_AWAY)?;
                self.stage.cluster.thaw(broker)?;
                broker_name(broker)
            }
            Fault::FillDisk => {
                let broker = self.broker_in_turn();
                let code = self.stage.cluster.fill_disk(broker)?;
                ensure!(code != 0, "the broker did not mind its disk");
                self.bring_back(broker)?
            }
            Fault::KillWhileBrokerReturns => self.kill_while_broker_returns()?,
            Fault::CutNetwork => self.network(Path::Cut, NETWORK_AWAY)?,
            Fault::HoldNetwork => self.network(Path::Held, NETWORK_AWAY)?,
            Fault::HoldAnswers => self.network(Path::AnswersHeld, NETWORK_AWAY)?,
            Fault::SlowNetwork => self.network(Path::Slow(LATE), SLOW)?,
            Fault::RegistryAway => self.registry_away()?,
        };
        Ok(Inflicted { whom, cured: Instant::now() })
    }

    fn kill(&mut self, router: bool) -> Result<String> {
        let place = self.one_of(router);
        self.stage.kill(place)?;
        self.stage.start(place)?;
        Ok(self.name(place))
    }

    fn freeze(&mut self, router: bool) -> Result<String> {
        let place = self.one_of(router);
        self.stage.roles[place].process()?.freeze()?;
        self.stage.last(FROZEN)?;
        self.stage.roles[place].process()?.thaw()?;
        Ok(self.name(place))
    }

    /// A service manager believes that a process is dead, and it is not.
    fn replace(&mut self, router: bool) -> Result<String> {
        let place = self.one_of(router);
        let name = self.name(place);
        self.stage.roles[place].process()?.freeze()?;
        let (began, witness) = (Instant::now(), self.witness);
        let published = |witness: &Witness| -> Result<u64> { Ok(witness.events()?.get(&name).copied().unwrap_or(0)) };
        let before = published(witness)?;
        let successor = self.stage.launch(place)?;
        let Some(mut zombie) = self.stage.roles[place].running.replace(successor) else { return Ok(name) };
        self.stage.wait("a successor to be at work", HANGS_AFTER, |_| {
            Ok(if router { witness.waiting_since_before(began)? == 0 } else { published(witness)? > before })
        })?;
        zombie.thaw()?;
        let Some(successor) = self.stage.roles[place].running.take() else { return Ok(name) };
        // Which of the two: the one that took the name first. A process that was frozen right after its start takes it when it wakes, and then the successor ends; so
        // does a successor whose zombie connector wakes in an old transaction and takes its name back once.
        let (ended, left) = zombie.first_to_end(successor)?;
        ensure!(ended.code == FENCED, "{name} ended with code {}, not {FENCED}:\n{}", ended.code, ended.words);
        self.stage.roles[place].running = Some(left);
        Ok(name)
    }

    fn kill_broker(&mut self, broker: usize) -> Result<String> {
        self.stage.cluster.kill(broker)?;
        self.bring_back(broker)
    }

    fn bring_back(&mut self, broker: usize) -> Result<String> {
        self.stage.last(BROKER_AWAY)?;
        self.stage.cluster.launch(broker)?;
        self.stage.cluster.wait_until_it_answers(broker)?;
        Ok(broker_name(broker))
    }

    fn kill_while_broker_returns(&mut self) -> Result<String> {
        let broker = self.broker_in_turn();
        self.stage.cluster.kill(broker)?;
        self.stage.last(BROKER_AWAY)?;
        self.stage.cluster.launch(broker)?;
        let killed = [self.kill(true)?, self.kill(false)?];
        self.stage.cluster.wait_until_it_answers(broker)?;
        Ok(format!("{}, {}", broker_name(broker), killed.join(", ")))
    }

    fn network(&mut self, path: Path, time: Duration) -> Result<String> {
        let router = self.random.bool();
        let place = self.one_of(router);
        let (name, broker) = (self.name(place), self.random.usize(..self.stage.cluster.size()));
        self.stage.cluster.set_path(&name, broker, path)?;
        self.stage.last(time)?;
        self.stage.cluster.set_path(&name, broker, Path::Open)?;
        Ok(format!("{name} and {}", broker_name(broker)))
    }

    fn registry_away(&mut self) -> Result<String> {
        let path = if self.random.bool() { Path::Cut } else { Path::Held };
        self.stage.registry.set(path);
        let killed = [self.kill(true)?, self.kill(false)?];
        self.stage.last(REGISTRY_AWAY)?;
        self.stage.registry.set(Path::Open);
        Ok(killed.join(", "))
    }

    /// A role that is up, by chance.
    fn one_of(&mut self, router: bool) -> usize {
        let up = self.stage.up(router);
        up[self.random.usize(..up.len())]
    }

    fn name(&self, place: usize) -> String {
        self.stage.roles[place].name.clone()
    }

    fn broker_in_turn(&mut self) -> usize {
        let broker = self.next_broker;
        self.next_broker = (broker + 1) % self.stage.cluster.size();
        broker
    }
}

fn broker_name(broker: usize) -> String {
    format!("broker {}", broker + 1)
}
