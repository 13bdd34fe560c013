//! The registry in memory.

use std::net::SocketAddr;
use std::sync::Arc;

use barid_http::HttpServer;

use crate::RegistryError;
use crate::http::router;
use crate::service::Service;

/// Starts a registry that keeps everything in memory, for the demo and for tests.
#[derive(Debug)]
pub struct EmbeddedRegistry;

impl EmbeddedRegistry {
    /// Listens at `address` (`host:port`; port 0 lets the system choose), empty, until the returned handle is stopped or dropped.
    ///
    /// # Errors
    ///
    /// The address is none, is taken, or no thread can be had.
    pub fn start(address: &str) -> Result<Running, RegistryError> {
        let service = Arc::new(Service::in_memory());
        let server = HttpServer::start("registry", address, router(Arc::clone(&service)))?;
        tracing::info!(address = %server.address(), "schema registry is served from memory");
        Ok(Running { server, service })
    }
}

/// A registry that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    server: barid_http::Running,
    service: Arc<Service>,
}

impl Running {
    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://host:port`
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Forgets all schemas, levels and modes, and begins again with id 1, as a registry does that was restarted without its
    /// storage.
    pub fn clear(&self) {
        self.service.clear();
    }

    /// Stops it and waits until its thread has ended, about a second at most. Everything in it is gone.
    pub fn stop(self) {
        self.server.stop();
    }
}
