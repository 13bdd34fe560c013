//! Why a command did not work, with its exit code.

use std::fmt;
use std::io;

use barid_audit::AuditError;
use barid_codec::{RecordError, RegistryError, SettingsError};
use barid_connector::ConnectorError;
use barid_kafka::{KafkaError, TransactionError};
use barid_ledger::LedgerError;
use barid_mistake::{Mistake, Mistakes};
use barid_router::RouterError;
use barid_telemetry::TelemetryError;

use crate::exit::Exit;

/// Words for the person at the terminal, and how the process ends.
#[derive(Debug)]
pub(crate) struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// It did not work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// An error with its causes, one after another.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self::new(Exit::Mistaken, mistakes.to_string())
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::new(Exit::Mistaken, mistake.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever reads stdout has seen enough (`barid inbox tail … | head`).
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Failed };
        Self::new(exit, error.to_string())
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        let exit = match &error {
            KafkaError::Unavailable { .. } => Exit::Unreachable,
            KafkaError::Conflict { .. } | KafkaError::Setting { .. } => Exit::Mistaken,
            KafkaError::UnknownTopic { .. } => {
                return Self::failed(format!(
                    "{error}\n  is the agency's code right? to create what is missing: barid topics apply"
                ));
            }
            _ => Exit::Failed,
        };
        Self::new(exit, chain(&error))
    }
}

impl From<TransactionError> for Failure {
    fn from(error: TransactionError) -> Self {
        let exit = match &error {
            TransactionError::Fenced { .. } => Exit::Fenced,
            TransactionError::Unavailable { .. } | TransactionError::Indefinite { .. } => Exit::Unreachable,
            _ => Exit::Failed,
        };
        Self::new(exit, chain(&error))
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let exit = if matches!(error, RegistryError::Unavailable { .. }) { Exit::Unreachable } else { Exit::Failed };
        Self::new(exit, chain(&error))
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Registry(error) => error.into(),
            error => Self::failed(chain(&error)),
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Kafka(error) => error.into(),
            LedgerError::Record(error) => error.into(),
            error @ LedgerError::Policy { .. } => Self::failed(chain(&error)),
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Kafka(error) => error.into(),
            AuditError::Record(error) => error.into(),
            AuditError::Registry(error) => error.into(),
            error @ (AuditError::Policy { .. } | AuditError::NothingDecided { .. }) => Self::failed(chain(&error)),
        }
    }
}

impl From<barid_registry::RegistryError> for Failure {
    fn from(error: barid_registry::RegistryError) -> Self {
        use barid_registry::RegistryError as Error;
        match error {
            Error::Kafka(error) => error.into(),
            Error::Unreachable { .. } => {
                Self::new(Exit::Mistaken, format!("{error}: --advertised-url http://HOST:PORT"))
            }
            Error::Http(_) => Self::new(Exit::Mistaken, chain(&error)),
            error => Self::failed(chain(&error)),
        }
    }
}

impl From<RouterError> for Failure {
    fn from(error: RouterError) -> Self {
        let exit = if error.is_fenced() { Exit::Fenced } else { Exit::Failed };
        Self::new(exit, chain(&error))
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        match error {
            ConnectorError::Kafka(error) => error.into(),
            ConnectorError::Registry(error) => error.into(),
            ConnectorError::Record(error) => error.into(),
            ConnectorError::Transaction(error) => error.into(),
            ConnectorError::Fenced { .. } => Self::new(Exit::Fenced, chain(&error)),
            ConnectorError::Away { .. } => Self::new(Exit::Unreachable, chain(&error)),
            error => Self::failed(chain(&error)),
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(Exit::Mistaken, chain(&error))
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self::new(Exit::Mistaken, chain(&error))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::failed(chain(&error))
    }
}
