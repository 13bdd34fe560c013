//! The thread with its runtime that serves the registry.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

use crate::RegistryError;
use crate::http::router;
use crate::store::Store;

/// How long open answers may take after a stop; then the server ends without them.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// Starts an embedded registry.
#[derive(Debug)]
pub struct EmbeddedRegistry;

impl EmbeddedRegistry {
    /// Listens at `address` (`host:port`; port 0 lets the system choose), empty, until the returned handle is stopped or dropped.
    ///
    /// # Errors
    ///
    /// The address is none, is taken, or no thread can be had.
    pub fn start(address: &str) -> Result<Running, RegistryError> {
        let listener = listen(address)?;
        let bound = listener.local_addr().map_err(|source| listen_error(address, source))?;
        listener.set_nonblocking(true).map_err(|source| listen_error(address, source))?;
        let store = Arc::new(Store::default());
        let routes = router(Arc::clone(&store));
        let (stop, stopped) = oneshot::channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RegistryError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("barid-registry".to_owned())
            .spawn(move || runtime.block_on(serve(listener, routes, stopped)))
            .map_err(RegistryError::Thread)?;
        tracing::info!(address = %bound, "schema registry is served from memory");
        Ok(Running { address: bound, store, stop: Some(stop), thread: Some(thread) })
    }
}

/// A registry that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    store: Arc<Store>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forgets all schemas, levels and modes, and begins again with id 1, as a registry does that was restarted without its
    /// storage.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Stops it and waits until its thread has ended, about a second at most. Everything in it is gone.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(address: &str) -> Result<TcpListener, RegistryError> {
    let resolved: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|_| RegistryError::Address { address: address.to_owned() })?.collect();
    TcpListener::bind(resolved.as_slice()).map_err(|source| listen_error(address, source))
}

fn listen_error(address: &str, source: io::Error) -> RegistryError {
    RegistryError::Listen { address: address.to_owned(), source }
}

async fn serve(listener: TcpListener, routes: Router, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "schema registry cannot be served");
            return;
        }
    };
    let (begin, begun) = oneshot::channel::<()>();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        let _ = begun.await;
    });
    let limit = async move {
        let _ = stopped.await;
        let _ = begin.send(());
        tokio::time::sleep(STOP_LIMIT).await;
    };
    tokio::select! {
        _ = server.into_future() => {}
        () = limit => {}
    }
}
