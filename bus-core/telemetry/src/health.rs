//! The HTTP server that Prometheus and the orchestrator ask: `/metrics`, `/healthz`, `/readyz`.
//!
//! It runs on a thread of its own with a runtime of its own, so that a role that is busy or blocked still answers, and a role
//! that never heard of async can start it.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use barid_http::{HttpServer, Running};

use crate::{Metrics, Readiness, TelemetryError};

/// What the text format of `prometheus-client` is called in HTTP.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Starts the server of metrics and health.
#[derive(Debug)]
pub struct HealthServer;

impl HealthServer {
    /// Listens at `address` (`host:port`; port 0 lets the system choose) and answers until the returned handle is stopped or
    /// dropped.
    pub fn start(address: &str, metrics: Metrics, readiness: Readiness) -> Result<Running, TelemetryError> {
        let routes = Router::new()
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(show_readiness))
            .with_state(Shown { metrics, readiness });
        let running = HttpServer::start("telemetry", address, routes)?;
        tracing::info!(address = %running.address(), "metrics and health are served");
        Ok(running)
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
