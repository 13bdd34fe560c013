//! The HTTP face: paths, query parameters, bodies and error bodies of the Confluent Schema Registry API.
//!
//! Bodies are read by hand and not by axum's extractors, so that each refusal has Confluent's form
//! (`{"error_code": 40401, "message": "…"}`) and both content types are taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::compatibility::Level;
use crate::error_code::Refusal;
use crate::store::{Candidate, Deleted, Deletion, Mode, Registered, Store, Version};

/// Larger bodies are refused. The largest schema of Barid has some tens of kilobytes.
pub(crate) const MOST_BODY_BYTES: usize = 1024 * 1024;

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Media types that a request may have.
const ACCEPTED: &[&str] =
    &["application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json"];

type Answer = Result<Response, Refusal>;
type Shared = State<Arc<Store>>;
type Parameters = Query<BTreeMap<String, String>>;

pub(crate) fn router(store: Arc<Store>) -> Router {
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
        .with_state(store)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status(), answer(&json!({ "error_code": self.code(), "message": self.to_string() }))).into_response()
    }
}

// Subjects and versions.

async fn list_subjects(State(store): Shared, Query(query): Parameters) -> Answer {
    // The prefix of everything that is in no context, as newer clients send it.
    let prefix = query.get("subjectPrefix").map_or("", |prefix| prefix.trim_start_matches(":*:"));
    Ok(answer(&store.subjects(deleted(&query), prefix)))
}

async fn list_versions(State(store): Shared, Path(subject): Path<String>, Query(query): Parameters) -> Answer {
    Ok(answer(&store.versions(&subject, deleted(&query))?))
}

async fn show_version(
    State(store): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
) -> Answer {
    Ok(show(&store.version(&subject, read_version(&version)?, deleted(&query))?))
}

async fn show_version_schema(
    State(store): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
) -> Answer {
    let registered = store.version(&subject, read_version(&version)?, deleted(&query))?;
    Ok(text(registered.schema.to_string()))
}

async fn show_references(State(store): Shared, Path((subject, version)): Path<(String, String)>) -> Answer {
    store.version(&subject, read_version(&version)?, Deleted::Hidden)?;
    Ok(answer(&json!([])))
}

async fn register(State(store): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    let candidate = read_candidate(request).await?;
    let id = store.register(&subject, candidate)?;
    Ok(answer(&json!({ "id": id })))
}

async fn look_up(
    State(store): Shared,
    Path(subject): Path<String>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let candidate = read_candidate(request).await?;
    Ok(show(&store.lookup(&subject, &candidate, deleted(&query))?))
}

async fn delete_subject(State(store): Shared, Path(subject): Path<String>, Query(query): Parameters) -> Answer {
    Ok(answer(&store.delete_subject(&subject, deletion(&query))?))
}

async fn delete_version(
    State(store): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
) -> Answer {
    Ok(answer(&store.delete_version(&subject, read_version(&version)?, deletion(&query))?))
}

// Ids.

async fn show_id(State(store): Shared, Path(id): Path<String>) -> Answer {
    let schema = store.schema(read_id(&id)?)?;
    Ok(answer(&json!({ "schema": &*schema })))
}

async fn show_id_schema(State(store): Shared, Path(id): Path<String>) -> Answer {
    Ok(text(store.schema(read_id(&id)?)?.to_string()))
}

async fn show_id_versions(State(store): Shared, Path(id): Path<String>, Query(query): Parameters) -> Answer {
    let uses = store.uses(read_id(&id)?, deleted(&query))?;
    let uses: Vec<Value> =
        uses.into_iter().map(|(subject, version)| json!({ "subject": subject, "version": version })).collect();
    Ok(answer(&uses))
}

async fn show_id_subjects(State(store): Shared, Path(id): Path<String>, Query(query): Parameters) -> Answer {
    let mut subjects: Vec<String> =
        store.uses(read_id(&id)?, deleted(&query))?.into_iter().map(|(subject, _)| subject).collect();
    subjects.dedup();
    Ok(answer(&subjects))
}

// Compatibility.

async fn check_all(
    State(store): Shared,
    Path(subject): Path<String>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let candidate = read_candidate(request).await?;
    Ok(verdict(store.compatibility(&subject, None, &candidate)?, &query))
}

async fn check_one(
    State(store): Shared,
    Path((subject, version)): Path<(String, String)>,
    Query(query): Parameters,
    request: Request,
) -> Answer {
    let version = read_version(&version)?;
    let candidate = read_candidate(request).await?;
    Ok(verdict(store.compatibility(&subject, Some(version), &candidate)?, &query))
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

async fn read_level(request: Request) -> Result<Level, Refusal> {
    let body: LevelBody = read_body(request).await?;
    body.compatibility.parse().map_err(|()| Refusal::InvalidLevel)
}

fn level_set(level: Level) -> Response {
    answer(&json!({ "compatibility": level.to_string() }))
}

fn level_in_force(level: Level) -> Response {
    answer(&json!({ "compatibilityLevel": level.to_string() }))
}

async fn show_level(State(store): Shared) -> Response {
    level_in_force(store.level())
}

async fn set_level(State(store): Shared, request: Request) -> Answer {
    let level = read_level(request).await?;
    store.set_level(level);
    Ok(level_set(level))
}

async fn unset_level(State(store): Shared) -> Response {
    level_in_force(store.unset_level())
}

async fn show_subject_level(State(store): Shared, Path(subject): Path<String>, Query(query): Parameters) -> Answer {
    match store.subject_level(&subject) {
        Err(_) if is_true(&query, "defaultToGlobal") => Ok(level_in_force(store.level())),
        level => Ok(level_in_force(level?)),
    }
}

async fn set_subject_level(State(store): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    let level = read_level(request).await?;
    store.set_subject_level(&subject, level);
    Ok(level_set(level))
}

async fn unset_subject_level(State(store): Shared, Path(subject): Path<String>) -> Answer {
    Ok(level_in_force(store.unset_subject_level(&subject)?))
}

// Modes.

#[derive(Deserialize)]
struct ModeBody {
    mode: String,
}

async fn read_mode(request: Request) -> Result<Mode, Refusal> {
    let body: ModeBody = read_body(request).await?;
    match body.mode.to_ascii_uppercase().as_str() {
        "READWRITE" => Ok(Mode::ReadWrite),
        "READONLY" => Ok(Mode::ReadOnly),
        _ => Err(Refusal::InvalidMode),
    }
}

fn show_as_mode(mode: Mode) -> Response {
    let name = match mode {
        Mode::ReadWrite => "READWRITE",
        Mode::ReadOnly => "READONLY",
    };
    answer(&json!({ "mode": name }))
}

async fn show_mode(State(store): Shared) -> Response {
    show_as_mode(store.mode())
}

async fn set_mode(State(store): Shared, request: Request) -> Answer {
    let mode = read_mode(request).await?;
    store.set_mode(mode);
    Ok(show_as_mode(mode))
}

async fn show_subject_mode(State(store): Shared, Path(subject): Path<String>, Query(query): Parameters) -> Answer {
    match store.subject_mode(&subject) {
        Err(_) if is_true(&query, "defaultToGlobal") => Ok(show_as_mode(store.mode())),
        mode => Ok(show_as_mode(mode?)),
    }
}

async fn set_subject_mode(State(store): Shared, Path(subject): Path<String>, request: Request) -> Answer {
    let mode = read_mode(request).await?;
    store.set_subject_mode(&subject, mode);
    Ok(show_as_mode(mode))
}

async fn unset_subject_mode(State(store): Shared, Path(subject): Path<String>) -> Answer {
    Ok(show_as_mode(store.unset_subject_mode(&subject)?))
}

// Reading requests.

/// What clients send with a schema. What they send besides (`metadata`, `ruleSet`, `normalize`, …) is no business of ours.
#[derive(Deserialize)]
struct SchemaBody {
    schema: String,
    #[serde(rename = "schemaType", default)]
    kind: Option<String>,
    #[serde(default)]
    references: Option<Vec<Value>>,
}

async fn read_candidate(request: Request) -> Result<Candidate, Refusal> {
    let body: SchemaBody = read_body(request).await?;
    if let Some(kind) = body.kind.filter(|kind| !kind.is_empty() && kind != "AVRO") {
        return Err(Refusal::InvalidSchema(format!("this registry keeps Avro schemas only, not {kind}")));
    }
    if body.references.is_some_and(|references| !references.is_empty()) {
        return Err(Refusal::InvalidSchema("this registry knows no references between schemas".to_owned()));
    }
    Candidate::read(&body.schema)
}

async fn read_body<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let (parts, body) = request.into_parts();
    check_media_type(&parts.headers)?;
    let bytes = to_bytes(body, MOST_BODY_BYTES).await.map_err(|_| Refusal::TooLarge(MOST_BODY_BYTES))?;
    serde_json::from_slice(&bytes).map_err(|error| Refusal::InvalidBody(error.to_string()))
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
    if is_true(query, "deleted") { Deleted::Shown } else { Deleted::Hidden }
}

fn deletion(query: &BTreeMap<String, String>) -> Deletion {
    if is_true(query, "permanent") { Deletion::Permanent } else { Deletion::Soft }
}

// Writing answers.

fn show(registered: &Registered) -> Response {
    answer(&json!({
        "subject": registered.subject,
        "version": registered.version,
        "id": registered.id,
        "schema": &*registered.schema,
    }))
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
