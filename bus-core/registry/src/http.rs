//! The HTTP face: paths, query parameters, bodies and error bodies of the Confluent Schema Registry API.
//!
//! Bodies are read by hand and not by axum's extractors, so that each refusal has Confluent's form
//! (`{"error_code": 40401, "message": "…"}`) and both content types are taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::compatibility::Level;
use crate::content::{Candidate, Deleted, Registered, Version};
use crate::error_code::Refusal;
use crate::forward::{OFFSET, Original};
use crate::mode::Mode;
use crate::operation::{Deletion, Operation, Outcome};
use crate::service::{Changed, Service};

/// Larger bodies are refused. The largest schema of Barid has some tens of kilobytes.
pub(crate) const MOST_BODY_BYTES: usize = 1024 * 1024;

pub(crate) const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Media types that a request may have.
const ACCEPTED: &[&str] =
    &["application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json"];

type Answer = Result<Response, Refusal>;
type Shared = State<Arc<Service>>;
type Parameters = Query<BTreeMap<String, String>>;

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", get(|| async { answer(&json!({})) }))
        .route("/subjects", get(list_subjects))
        .route("/subjects/{subject}", post(look_up).delete(delete_subject))
        .route("/subjects/{subject}/versions", get(list_versions).post(register))
        .route("/subjects/{subject}/versions/{version}", get(show_version).delete(delete_version))
        .route("/subjects/{subject}/versions/{version}/schema", get(show_version_schema))
        .route("/subjects/{subject}/versions/{version}/referencedby", get(show_references))
        .route("/schemas/types", get(|| async { answer(&json!(["AVRO"])) }))
        .route("/schemas/ids/{id}", get(show_id))
        .route("/schemas/ids/{id}/schema", get(show_id_schema))
        .route("/schemas/ids/{id}/versions", get(show_id_versions))
        .route("/schemas/ids/{id}/subjects", get(show_id_subjects))
        .route("/compatibility/subjects/{subject}/versions", post(check_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(check_one))
        .route("/config", get(show_level).put(set_level).delete(unset_level))
        .route("/config/{subject}", get(show_subject_level).put(set_subject_level).delete(unset_subject_level))
        .route("/mode", get(show_mode).put(set_mode))
        .route("/mode/{subject}", get(show_subject_mode).put(set_subject_mode).delete(unset_subject_mode))
        .fallback(|| async { Refusal::NoSuchPath })
        .method_not_allowed_fallback(|| async { Refusal::NoSuchMethod })
        .layer(from_fn_with_state(Arc::clone(&service), count))
        .with_state(service)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), answer(&json!({ "error_code": self.code(), "message": self.to_string() }))).into_response()
    }
}

/// Counts the request by its status.
async fn count(State(service): Shared, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    if let Some(desk) = service.desk() {
        desk.counters.requests.at([method.as_str(), response.status().as_str()]).add(1);
    }
    response
}

/// Makes a change and says what came of it.
async fn change(service: &Service, operation: Operation, original: Original) -> Answer {
    let (outcome, offset) = match service.change(operation, original).await? {
        Changed::There(response) => return Ok(response),
        Changed::Here(outcome, offset) => (outcome, offset),
    };
    let mut response = match outcome {
        Outcome::Id(id) => answer(&json!({ "id": id })),
        Outcome::Version(version) => answer(&version),
        Outcome::Versions(versions) => answer(&versions),
        Outcome::LevelSet(level) => answer(&json!({ "compatibility": level.to_string() })),
        Outcome::LevelUnset(level) => level_in_force(level),
        Outcome::Mode(mode) => show_as_mode(mode),
    };
    if let Some(offset) = offset {
        response.headers_mut().insert(OFFSET, HeaderValue::from(offset));
    }
    Ok(response)
}

// Subjects and versions.

async fn list_subjects(State(service): Shared, Query(query): Parameters) -> Answer {
    // The prefix of everything that is in no context, as newer clients send it.
    let prefix = query.get("subjectPrefix").map_or("", |prefix| prefix.trim_start_matches(":*:"));
    Ok(answer(&service.content()?.subjects(deleted(&query), prefix)))
}

async fn list_versions(State(service): Shared, Path(subject): Path<String>, Query(query): Parameters) -> Answer {
    Ok(answer(&service.content()?.versions(&subject, deleted(&query))?))
}

async fn show_version(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
) -> Answer {
    Ok(show(&service.content()?.version(&subject, read_version(&version)?, deleted(&query))?))
}

async fn show_version_schema(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
) -> Answer {
    let registered = service.content()?.version(&subject, read_version(&version)?, deleted(&query))?;
    Ok(text(registered.schema.to_string()))
}

async fn show_references(State(service): Shared, Path((subject, version)): Path<(String, String)>) -> Answer {
    service.content()?.version(&subject, read_version(&version)?, Deleted::Hidden)?;
    Ok(answer(&json!([])))
}

async fn register(State(service): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    let original = Original::read(request).await?;
    let candidate = Arc::new(read_candidate(&original)?);
    change(&service, Operation::Register { subject, candidate }, original).await
}

async fn look_up(
    State(service): Shared,
    Path(subject): Path<String>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let candidate = read_candidate(&Original::read(request).await?)?;
    Ok(show(&service.content()?.lookup(&subject, &candidate, deleted(&query))?))
}

async fn delete_subject(
    State(service): Shared,
    Path(subject): Path<String>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let operation = Operation::DeleteSubject { subject, deletion: deletion(&query) };
    change(&service, operation, Original::read(request).await?).await
}

async fn delete_version(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let operation = Operation::DeleteVersion { subject, version: read_version(&version)?, deletion: deletion(&query) };
    change(&service, operation, Original::read(request).await?).await
}

// Ids.

async fn show_id(State(service): Shared, Path(id): Path<String>) -> Answer {
    let (schema, rest) = service.content()?.schema(read_id(&id)?)?;
    let mut body = Map::new();
    body.insert("schema".to_owned(), json!(&*schema));
    add_kind(&mut body, &rest);
    Ok(answer(&body))
}

async fn show_id_schema(State(service): Shared, Path(id): Path<String>) -> Answer {
    Ok(text(service.content()?.schema(read_id(&id)?)?.0.to_string()))
}

async fn show_id_versions(State(service): Shared, Path(id): Path<String>, Query(query): Parameters) -> Answer {
    let uses = service.content()?.uses(read_id(&id)?, deleted(&query))?;
    let uses: Vec<Value> =
        uses.into_iter().map(|(subject, version)| json!({ "subject": subject, "version": version })).collect();
    Ok(answer(&uses))
}

async fn show_id_subjects(State(service): Shared, Path(id): Path<String>, Query(query): Parameters) -> Answer {
    let mut subjects: Vec<String> =
        service.content()?.uses(read_id(&id)?, deleted(&query))?.into_iter().map(|(subject, _)| subject).collect();
    subjects.dedup();
    Ok(answer(&subjects))
}

// Compatibility.

async fn check_all(
    State(service): Shared,
    Path(subject): Path<String>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let candidate = read_candidate(&Original::read(request).await?)?;
    Ok(verdict(service.content()?.compatibility(&subject, None, &candidate)?, &query))
}

async fn check_one(
    State(service): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let version = read_version(&version)?;
    let candidate = read_candidate(&Original::read(request).await?)?;
    Ok(verdict(service.content()?.compatibility(&subject, Some(version), &candidate)?, &query))
}

fn verdict(differences: Vec<String>, query: &BTreeMap<String, String>) -> Response {
    let mut body = json!({ "is_compatible": differences.is_empty() });
    if is_true(query, "verbose") {
        body["messages"] = json!(differences);
    }
    answer(&body)
}

// Levels. What is set is called `compatibility`, what is in force `compatibilityLevel`: that is how the API has it.

#[derive(Deserialize)]
struct LevelBody {
    compatibility: String,
}

fn read_level(original: &Original) -> Result<Level, Refusal> {
    let body: LevelBody = read_body(original)?;
    body.compatibility.parse().map_err(|()| Refusal::InvalidLevel)
}

fn level_in_force(level: Level) -> Response {
    answer(&json!({ "compatibilityLevel": level.to_string() }))
}

async fn show_level(State(service): Shared) -> Answer {
    Ok(level_in_force(service.content()?.level()))
}

async fn set_level(State(service): Shared, request: Request) -> Answer {
    let original = Original::read(request).await?;
    let operation = Operation::SetLevel { subject: None, level: read_level(&original)? };
    change(&service, operation, original).await
}

async fn unset_level(State(service): Shared, request: Request) -> Answer {
    change(&service, Operation::UnsetLevel { subject: None }, Original::read(request).await?).await
}

async fn show_subject_level(State(service): Shared, Path(subject): Path<String>, Query(query): Parameters) -> Answer {
    let content = service.content()?;
    match content.level_set(Some(&subject)) {
        None if is_true(&query, "defaultToGlobal") => Ok(level_in_force(content.level())),
        level => Ok(level_in_force(level.ok_or(Refusal::NoSubjectLevel(subject))?)),
    }
}

async fn set_subject_level(State(service): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    let original = Original::read(request).await?;
    let operation = Operation::SetLevel { subject: Some(subject), level: read_level(&original)? };
    change(&service, operation, original).await
}

async fn unset_subject_level(State(service): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    change(&service, Operation::UnsetLevel { subject: Some(subject) }, Original::read(request).await?).await
}

// Modes.

#[derive(Deserialize)]
struct ModeBody {
    mode: String,
}

fn read_mode(original: &Original) -> Result<Mode, Refusal> {
    let body: ModeBody = read_body(original)?;
    match body.mode.parse() {
        Ok(mode @ (Mode::ReadWrite | Mode::ReadOnly)) => Ok(mode),
        _ => Err(Refusal::InvalidMode),
    }
}

fn show_as_mode(mode: Mode) -> Response {
    answer(&json!({ "mode": mode.to_string() }))
}

async fn show_mode(State(service): Shared) -> Answer {
    Ok(show_as_mode(service.content()?.mode()))
}

async fn set_mode(State(service): Shared, request: Request) -> Answer {
    let original = Original::read(request).await?;
    let operation = Operation::SetMode { subject: None, mode: read_mode(&original)? };
    change(&service, operation, original).await
}

async fn show_subject_mode(State(service): Shared, Path(subject): Path<String>, Query(query): Parameters) -> Answer {
    let content = service.content()?;
    match content.mode_set(Some(&subject)) {
        None if is_true(&query, "defaultToGlobal") => Ok(show_as_mode(content.mode())),
        mode => Ok(show_as_mode(mode.ok_or(Refusal::NoSubjectMode(subject))?)),
    }
}

async fn set_subject_mode(State(service): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    let original = Original::read(request).await?;
    let operation = Operation::SetMode { subject: Some(subject), mode: read_mode(&original)? };
    change(&service, operation, original).await
}

async fn unset_subject_mode(State(service): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    change(&service, Operation::UnsetMode { subject }, Original::read(request).await?).await
}

// Reading requests.

/// What clients send with a schema. What they send besides (`metadata`, `ruleSet`, `normalize`, …) is no business of ours.
#[derive(Deserialize)]
struct SchemaBody {
    #[serde(default)]
    schema: Option<String>,
    #[serde(rename = "schemaType", default)]
    kind: Option<String>,
    #[serde(default)]
    references: Option<Vec<Value>>,
}

fn read_candidate(original: &Original) -> Result<Candidate, Refusal> {
    let body: SchemaBody = read_body(original)?;
    if let Some(kind) = body.kind.filter(|kind| !kind.is_empty() && kind != "AVRO") {
        return Err(Refusal::InvalidSchema(format!("this registry keeps Avro schemas only, not {kind}")));
    }
    if body.references.is_some_and(|references| !references.is_empty()) {
        return Err(Refusal::InvalidSchema("this registry knows no references between schemas".to_owned()));
    }
    // No schema is an empty one.
    Candidate::read(body.schema.as_deref().unwrap_or_default())
}

fn read_body<T: DeserializeOwned>(original: &Original) -> Result<T, Refusal> {
    check_media_type(original.headers())?;
    serde_json::from_slice(&original.body).map_err(|error| Refusal::InvalidBody(error.to_string()))
}

/// A request without a media type is taken as JSON.
fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(written) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let written = written.to_str().unwrap_or_default();
    let media_type = written.split(';').next().unwrap_or_default().trim();
    if ACCEPTED.iter().any(|accepted| accepted.eq_ignore_ascii_case(media_type)) {
        Ok(())
    } else {
        Err(Refusal::MediaType)
    }
}

fn read_version(text: &str) -> Result<Version, Refusal> {
    if text == "latest" || text == "-1" {
        return Ok(Version::Latest);
    }
    let number = text.parse::<i32>().ok().filter(|number| *number >= 1);
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.map(Version::Number).ok_or_else(|| Refusal::InvalidVersion(text.to_owned()))
}

/// An id that is no number is the id of no schema, and the path is none.
fn read_id(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| Refusal::NoSuchPath)
}

fn is_true(query: &BTreeMap<String, String>, name: &str) -> bool {
    query.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn deleted(query: &BTreeMap<String, String>) -> Deleted {
    if is_true(query, "deletedOnly") {
        Deleted::Only
    } else if is_true(query, "deleted") {
        Deleted::Shown
    } else {
        Deleted::Hidden
    }
}

fn deletion(query: &BTreeMap<String, String>) -> Deletion {
    if is_true(query, "permanent") { Deletion::Permanent } else { Deletion::Soft }
}

// Writing answers.

fn show(registered: &Registered) -> Response {
    let mut body = Map::new();
    body.insert("subject".to_owned(), json!(registered.subject));
    body.insert("version".to_owned(), json!(registered.version));
    body.insert("id".to_owned(), json!(registered.id));
    add_kind(&mut body, &registered.rest);
    body.insert("schema".to_owned(), json!(&*registered.schema));
    answer(&body)
}

/// What kind of schema it is and to which others it refers, for those that another registry has written.
fn add_kind(body: &mut Map<String, Value>, rest: &Map<String, Value>) {
    let is_said = |name: &str, value: &Value| match name {
        "schemaType" => value != "AVRO",
        "references" => value.as_array().is_some_and(|references| !references.is_empty()),
        _ => false,
    };
    body.extend(
        rest.iter().filter(|(name, value)| is_said(name, value)).map(|(name, value)| (name.clone(), value.clone())),
    );
}

fn answer(body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(body) => text(body),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// JSON that is text already.
fn text(body: String) -> Response {
    response::Response::builder()
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .body(Body::from(body))
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
