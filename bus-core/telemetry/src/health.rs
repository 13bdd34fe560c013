//! The HTTP server that Prometheus and the orchestrator ask: `/metrics`, `/healthz`, `/readyz`.
//!
//! It runs on a thread of its own with a runtime of its own, so that a role that is busy or blocked still answers, and a role
//! that never heard of async can start it.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::oneshot;

use crate::{Metrics, Readiness, TelemetryError};

/// How long open answers may take after a stop; then the server ends without them.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// What the text format of `prometheus-client` is called in HTTP.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Starts the server of metrics and health.
#[derive(Debug)]
pub struct HealthServer;

impl HealthServer {
    /// Listens at `address` (`host:port`; port 0 lets the system choose) and answers until the returned handle is stopped or
    /// dropped.
    pub fn start(address: &str, metrics: Metrics, readiness: Readiness) -> Result<Running, TelemetryError> {
        let listener = listen(address)?;
        let bound = listener.local_addr().map_err(|source| listen_error(address, source))?;
        listener.set_nonblocking(true).map_err(|source| listen_error(address, source))?;
        let router = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(show_readiness))
            .with_state(Shown { metrics, readiness });
        let (stop, stopped) = oneshot::channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TelemetryError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("barid-health".to_owned())
            .spawn(move || runtime.block_on(serve(listener, router, stopped)))
            .map_err(TelemetryError::Thread)?;
        tracing::info!(address = %bound, "metrics and health are served");
        Ok(Running { address: bound, stop: Some(stop), thread: Some(thread) })
    }
}

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
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

    /// Stops it and waits until its thread has ended, about a second at most.
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

#[derive(Clone)]
struct Shown {
    metrics: Metrics,
    readiness: Readiness,
}

async fn show_metrics(State(shown): State<Shown>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], shown.metrics.text())
}

async fn show_readiness(State(shown): State<Shown>) -> impl IntoResponse {
    let failing = shown.readiness.failing();
    if failing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines: String = failing.iter().map(|(name, reason)| format!("{name}: {reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{lines}"))
}

fn listen(address: &str) -> Result<TcpListener, TelemetryError> {
    let resolved: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|_| TelemetryError::Address { address: address.to_owned() })?.collect();
    TcpListener::bind(resolved.as_slice()).map_err(|source| listen_error(address, source))
}

fn listen_error(address: &str, source: io::Error) -> TelemetryError {
    TelemetryError::Listen { address: address.to_owned(), source }
}

async fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "metrics and health cannot be served");
            return;
        }
    };
    let (begin, begun) = oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
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
