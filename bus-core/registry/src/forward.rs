//! Handing a change on to the instance that leads, as the client has sent it.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error_code::Refusal;
use crate::http::{CONTENT_TYPE, MOST_BODY_BYTES};

/// Confluent's header: with `false` the request must not be handed on again.
const FORWARD: HeaderName = HeaderName::from_static("x-forward");
/// Header of an answer to a change: the offset of the change's last record in the topic.
pub(crate) const OFFSET: HeaderName = HeaderName::from_static("barid-offset");
/// Connecting to a leader that is there takes milliseconds; one that is gone may not even refuse.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// In a body: the instance that was asked does not lead.
const NO_LEADER: u64 = 50004;

/// A request for a change with its body.
#[derive(Debug)]
pub(crate) struct Original {
    method: Method,
    path_and_query: String,
    headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Another instance has sent it.
    pub(crate) is_forwarded: bool,
}

/// What came of it.
pub(crate) enum Forwarded {
    Answered {
        response: Response,
        offset: Option<i64>,
    },
    NotLeading,
    /// Nothing was sent.
    Unreachable,
}

pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    // Instances stand beside each other: no proxy of the machine lies between them.
    reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_WITHIN).build()
}

impl Original {
    /// Reads the body of a request.
    pub(crate) async fn read(request: Request) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let path_and_query = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let body = to_bytes(body, MOST_BODY_BYTES).await.map_err(|_| Refusal::TooLarge(MOST_BODY_BYTES))?;
        let is_forwarded = parts.headers.get(&FORWARD).is_some_and(|value| value == "false");
        Ok(Self { method: parts.method, path_and_query, headers: parts.headers, body, is_forwarded })
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

/// Sends it to the leader. An error means that nobody knows whether the leader has made the change.
pub(crate) async fn send(
    client: &reqwest::Client,
    leader: &str,
    original: &Original,
    limit: Duration,
) -> Result<Forwarded, Refusal> {
    let url = format!("{}{}", leader.trim_end_matches('/'), original.path_and_query);
    let mut request = client.request(original.method.clone(), url).timeout(limit).header(FORWARD, "false");
    for name in [header::CONTENT_TYPE, header::AUTHORIZATION] {
        if let Some(value) = original.headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let failed = |error: reqwest::Error| Refusal::Forwarding(error.without_url().to_string());
    let answer = match request.body(original.body.clone()).send().await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => {
            tracing::debug!(leader, %error, "the leader cannot be reached");
            return Ok(Forwarded::Unreachable);
        }
        Err(error) => return Err(failed(error)),
    };
    let status = answer.status();
    let offset = answer.headers().get(OFFSET).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.bytes().await.map_err(failed)?;
    if status.is_server_error() && error_code(&body) == Some(NO_LEADER) {
        return Ok(Forwarded::NotLeading);
    }
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))
        .body(Body::from(body))
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    Ok(Forwarded::Answered { response, offset })
}

fn error_code(body: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(body).ok()?.get("error_code")?.as_u64()
}
