//! The registry client against the embedded registry, against broken ones, and against none.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use barid_codec::{
    BasicAuth, RecordCodec, RecordError, RecordReader, Registry, RegistryError, RegistrySettings, Schemas,
    SettingsError,
};
use barid_registry::EmbeddedRegistry;
use barid_schemas::case_event::{AVSC, CaseEvent, FULL_NAME};
use barid_schemas::records::{self, Notice, Schema as _};
use serde_json::json;

use crate::schemas;

fn client(url: &str) -> Registry {
    Registry::new(RegistrySettings { url: url.to_owned(), basic_auth: None }).unwrap()
}

/// An HTTP server that gives every question the same answer and keeps the questions.
struct Stub {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    fn start(status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        // Ends with the process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let head = answer(connection.unwrap(), status, body);
                kept.lock().unwrap().push(head);
            }
        });
        Self { url, heads }
    }
}

fn answer(connection: TcpStream, status: &str, body: &str) -> String {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    let mut length = 0;
    while reader.read_line(&mut head).unwrap() > 2 {
        let line = head.lines().last().unwrap().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let mut connection = reader.into_inner();
    let size = body.len();
    let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n{body}");
    head
}

#[test]
fn all_our_schemas_are_registered_under_full_transitive_and_found_again() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let registry = client(&format!("{}/", server.url()));
    assert_eq!(registry.url(), server.url());
    for (subject, avsc) in records::all() {
        assert_eq!(registry.registered(subject, avsc), Ok(None));
        assert_eq!(registry.check_compatible(subject, avsc), Ok(()));
        assert_eq!(registry.compatibility(subject), Ok(None));
        assert_eq!(registry.ensure_full_transitive(subject), Ok(true));
        assert_eq!(registry.ensure_full_transitive(subject), Ok(false));
        assert_eq!(registry.compatibility(subject), Ok(Some("FULL_TRANSITIVE".into())));
        let id = registry.register(subject, avsc).unwrap();
        assert_eq!(registry.register(subject, avsc), Ok(id));
        assert_eq!(registry.registered(subject, avsc), Ok(Some(id)));
        let found = registry.schema(id).unwrap();
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&found), parse(avsc));
    }
}

#[test]
fn a_schema_that_others_cannot_read_is_incompatible() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let registry = client(&server.url());
    registry.ensure_full_transitive(FULL_NAME).unwrap();
    registry.register(FULL_NAME, AVSC).unwrap();
    assert_eq!(registry.check_compatible(FULL_NAME, &schemas::newer().avsc), Ok(()));
    let mut broken = schemas::ours();
    schemas::fields(&mut broken).push(json!({"name": "must", "type": "string"}));
    let broken = broken.to_string();
    for outcome in
        [registry.check_compatible(FULL_NAME, &broken).unwrap_err(), registry.register(FULL_NAME, &broken).unwrap_err()]
    {
        assert!(matches!(&outcome, RegistryError::Incompatible { subject, .. } if subject == FULL_NAME), "{outcome}");
        assert!(!outcome.may_pass());
    }
    let refused = registry.register(FULL_NAME, "{").unwrap_err();
    assert!(matches!(refused, RegistryError::Refused { .. }), "{refused}");
}

#[test]
fn an_unknown_id_is_asked_for_again_and_a_found_schema_is_kept() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let registry = client(&server.url());
    assert_eq!(registry.schema(1), Err(RegistryError::UnknownId(1)));
    let id = registry.register(FULL_NAME, AVSC).unwrap();
    let found = registry.schema(id).unwrap();
    server.clear();
    assert_eq!(registry.schema(id), Ok(found));
    registry.forget(id);
    assert_eq!(registry.schema(id), Err(RegistryError::UnknownId(id)));
    assert_eq!(client(&server.url()).schema(id), Err(RegistryError::UnknownId(id)));
    assert!(RegistryError::UnknownId(id).may_pass());
}

#[test]
fn a_record_is_read_after_a_registry_lost_its_memory_and_gave_its_id_anew() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let registry = Arc::new(client(&server.url()));
    let id = registry.register(Notice::FULL_NAME, Notice::AVSC).unwrap();
    registry.schema(id).unwrap();
    server.clear();
    assert_eq!(registry.register(FULL_NAME, AVSC), Ok(id));
    let value = RecordCodec::new(id).unwrap().to_vec(&crate::records::event()).unwrap();
    assert_eq!(RecordReader::<CaseEvent>::new(registry).decode(&value).unwrap(), crate::records::event());
}

#[test]
fn a_record_is_read_after_its_id_was_given_to_another_version_of_its_schema() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let registry = Arc::new(client(&server.url()));
    let older = schemas::older();
    let id = registry.register(FULL_NAME, &older.avsc).unwrap();
    let [early, late] = [0, 1].map(|_| RecordReader::<CaseEvent>::new(Arc::clone(&registry) as Arc<dyn Schemas>));
    let event = crate::records::event();
    let as_it_was = crate::records::framed_as(id, &older);
    assert_eq!(early.decode(&as_it_was).unwrap().resolution, None);

    server.clear();
    assert_eq!(registry.register(FULL_NAME, AVSC), Ok(id));
    let value = RecordCodec::new(id).unwrap().to_vec(&event).unwrap();
    // Both meet the schema of before first: one has kept it itself, the client has kept it for the other.
    assert_eq!(late.decode(&value).unwrap(), event);
    assert_eq!(early.decode(&value).unwrap(), event);
}

#[test]
fn a_datum_that_does_not_fit_costs_the_others_nothing_while_the_registry_does_not_answer() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let registry = Arc::new(client(&server.url()));
    let id = registry.register(FULL_NAME, AVSC).unwrap();
    let reader = RecordReader::<CaseEvent>::new(registry);
    let good = RecordCodec::new(id).unwrap().to_vec(&crate::records::event()).unwrap();
    let broken = [good.as_slice(), b"more"].concat();
    let refused = reader.decode(&broken).unwrap_err();
    assert!(matches!(refused, RecordError::Decode { .. }), "{refused}");

    server.stop();
    // Whether it is broken cannot be said now.
    let refused = reader.decode(&broken).unwrap_err();
    assert!(matches!(refused, RecordError::Registry(RegistryError::Unavailable { .. })), "{refused}");
    assert_eq!(reader.decode(&good).unwrap(), crate::records::event());
}

#[test]
fn a_registry_that_comes_back_is_used_again() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let address = server.address().to_string();
    let registry = client(&server.url());
    registry.register(FULL_NAME, AVSC).unwrap();
    server.stop();
    let away = registry.schema(1).unwrap_err();
    assert!(matches!(away, RegistryError::Unavailable { .. }), "{away}");
    let server = EmbeddedRegistry::start(&address).unwrap();
    let id = registry.register(FULL_NAME, AVSC).unwrap();
    assert_eq!(registry.schema(id).unwrap(), client(&server.url()).schema(id).unwrap());
}

#[test]
fn no_registry_at_all_is_told_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let registry = client(&format!("http://{free}"));
    let text = registry.schema(1).unwrap_err().to_string();
    assert!(text.starts_with(&format!("the schema registry at `http://{free}` is not available: ")), "{text}");
    // And not that there was no answer in time.
    assert!(text.contains("refused"), "{text}");
    assert_eq!(text.matches("http").count(), 1, "{text}");
}

#[test]
fn a_registry_that_says_nothing_is_given_three_seconds() {
    // The system accepts for it; nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = client(&format!("http://{}", silent.local_addr().unwrap()));
    let started = Instant::now();
    let error = registry.register(FULL_NAME, AVSC).unwrap_err().to_string();
    assert!(error.ends_with("is not available: no answer within 3 s"), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(2_900), "{:?}", started.elapsed());
}

#[test]
fn answers_are_sorted_into_try_again_and_do_not() {
    // Status, body; what the error about an id and about a subject begins with.
    let table = [
        ("404 Not Found", r#"{"error_code":40403,"message":"Schema not found"}"#, "does not know schema 7", "refused"),
        ("404 Not Found", "<html>", "does not know schema 7", "refused"),
        ("409 Conflict", r#"{"error_code":409,"message":"no default"}"#, "refused", "is not compatible"),
        ("422 Unprocessable", r#"{"error_code":42201,"message":"Invalid schema"}"#, "refused", "refused"),
        ("401 Unauthorized", "", "refused", "refused"),
        ("403 Forbidden", r#"{"error_code":40301,"message":"no"}"#, "refused", "refused"),
        ("429 Too Many", "", "not available", "not available"),
        ("500 Internal", r#"{"error_code":50001,"message":"backend"}"#, "not available", "not available"),
        ("502 Bad Gateway", "<html>", "not available", "not available"),
        ("503 Unavailable", "", "not available", "not available"),
        ("200 OK", "<html>", "not available", "not available"),
        ("200 OK", "[]", "not available", "not available"),
    ];
    for (status, body, about_id, about_subject) in table {
        let stub = Stub::start(status, body);
        let registry = client(&stub.url);
        let error = registry.schema(7).unwrap_err().to_string();
        assert!(error.contains(about_id), "{status} {body}: {error}");
        let error = registry.register("a.B", AVSC).unwrap_err().to_string();
        assert!(error.contains(about_subject), "{status} {body}: {error}");
        if !status.starts_with("404") {
            let error = registry.check_compatible("a.B", AVSC).unwrap_err().to_string();
            assert!(error.contains(about_subject), "{status} {body}: {error}");
        }
    }
}

#[test]
fn a_schema_of_no_use_is_refused() {
    let stub = Stub::start("200 OK", r#"{"schema":"syntax = \"proto3\";","schemaType":"PROTOBUF"}"#);
    let error = client(&stub.url).schema(7).unwrap_err().to_string();
    assert_eq!(error, format!("the schema registry at `{}` refused `schema 7`: it is not an Avro schema", stub.url));
}

#[test]
fn every_call_carries_the_credentials_and_no_error_tells_them() {
    let stub = Stub::start("401 Unauthorized", r#"{"error_code":40101,"message":"who are you"}"#);
    let basic_auth = Some(BasicAuth { username: "barid".into(), password: "s3cret".into() });
    let settings = RegistrySettings { url: stub.url.clone(), basic_auth };
    assert!(!format!("{settings:?}").contains("s3cret"));
    let registry = Registry::new(settings).unwrap();
    let errors = [
        registry.schema(1).unwrap_err(),
        registry.register("a.B", AVSC).unwrap_err(),
        registry.registered("a.B", AVSC).unwrap_err(),
        registry.check_compatible("a.B", AVSC).unwrap_err(),
        registry.ensure_full_transitive("a.B").unwrap_err(),
    ];
    for error in &errors {
        assert!(error.to_string().ends_with("who are you"), "{error}");
    }
    assert!(!format!("{registry:?}{errors:?}").contains("s3cret"));
    let heads = stub.heads.lock().unwrap();
    assert_eq!(heads.len(), errors.len());
    for head in heads.iter() {
        // base64 of barid:s3cret
        assert!(head.to_ascii_lowercase().contains("authorization: basic ymfyawq6cznjcmv0"), "{head}");
    }
}

#[test]
fn it_can_be_asked_and_dropped_on_a_thread_of_another_runtime() {
    let server = EmbeddedRegistry::start("127.0.0.1:0").unwrap();
    let url = server.url();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let on_worker = url.clone();
    let worker = runtime.spawn(async move { client(&on_worker).register(FULL_NAME, AVSC) });
    assert_eq!(runtime.block_on(worker).unwrap(), Ok(1));
    let blocking = runtime.spawn_blocking(move || client(&url).schema(1).map(drop));
    assert_eq!(runtime.block_on(blocking).unwrap(), Ok(()));
}

#[test]
fn settings_that_do_not_do_are_refused() {
    let refuse = |url: &str| Registry::new(RegistrySettings { url: url.to_owned(), basic_auth: None }).unwrap_err();
    assert_eq!(refuse("http://barid:s3cret@registry:8081"), SettingsError::CredentialsInUrl);
    assert!(matches!(refuse("registry:8081"), SettingsError::Url { .. }));
    assert!(matches!(refuse(""), SettingsError::Url { .. }));
}

#[test]
fn a_question_without_an_answer_is_given_up_when_nobody_waits_any_more() {
    let ask = || {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let ending = Arc::new(AtomicBool::new(false));
        let given_up = Arc::clone(&ending);
        let client = client(&url).until(move || given_up.load(Ordering::SeqCst));
        let asked = Instant::now();
        let waiting = std::thread::spawn(move || client.schema(1));
        // The question has come to the registry, which says nothing.
        let _connection = silent.accept().unwrap();
        ending.store(true, Ordering::SeqCst);
        assert!(matches!(waiting.join().unwrap(), Err(RegistryError::Unavailable { .. })));
        asked.elapsed()
    };
    // A busy machine may hold an attempt or two up as long as an answer is waited for, whatever is right; it needs no luck.
    assert!((0..10).any(|_| ask() < barid_codec::TIME_LIMIT));
}
