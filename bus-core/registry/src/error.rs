//! What can go wrong when the registry is started; what goes wrong with a request is answered in HTTP.

use std::io;

/// Why the embedded registry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("`{address}` is not an address to listen at; write `host:port`, for example `127.0.0.1:8081`")]
    Address { address: String },
    #[error("cannot listen at `{address}`")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
    #[error("the thread of the registry could not be started")]
    Thread(#[source] io::Error),
}
