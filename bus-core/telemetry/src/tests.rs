use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SpanExporter;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use crate::exporter::{Announcing, traces_endpoint};
use crate::logs::subscriber;
use crate::{Buckets, Guard, HealthServer, LogFormat, LogSettings, Metrics, Readiness, TelemetryError, init, traces};

/// No test waits longer than this for anything.
const LIMIT: Duration = Duration::from_secs(240);

// Metrics.

#[test]
fn metrics_are_shown_with_their_whole_names_labels_and_help() {
    let metrics = Metrics::new("router");
    metrics.counter("events", "Events that were routed.").add(3);
    metrics.gauge("slots", "Threads that route").set(2);
    let copies = metrics.counters("copies", "Copies by agency and view", ["agency", "view"]);
    copies.at(["bank", "exact"]).add(1);
    copies.at(["bank", "exact"]).add(1);
    metrics.role("connector").gauge("waiting_rows", "Rows that wait behind a faulty one").add(-1);
    let text = metrics.text();
    assert_eq!(
        text,
        "# HELP barid_router_events Events that were routed.\n\
         # TYPE barid_router_events counter\n\
         barid_router_events_total 3\n\
         # HELP barid_router_slots Threads that route.\n\
         # TYPE barid_router_slots gauge\n\
         barid_router_slots 2\n\
         # HELP barid_router_copies Copies by agency and view.\n\
         # TYPE barid_router_copies counter\n\
         barid_router_copies_total{agency=\"bank\",view=\"exact\"} 2\n\
         # HELP barid_connector_waiting_rows Rows that wait behind a faulty one.\n\
         # TYPE barid_connector_waiting_rows gauge\n\
         barid_connector_waiting_rows -1\n\
         # EOF\n"
    );
}

#[test]
fn histograms_count_what_they_observe_in_buckets() {
    let metrics = Metrics::new("router");
    let commits = metrics.histogram("commit_seconds", "Time of a commit", Buckets::Seconds);
    commits.observe_time(Duration::from_millis(3));
    metrics.histograms("batch_events", "Events of a batch", ["slot"], Buckets::Count).at(["0"]).observe(5.0);
    let text = metrics.text();
    for line in [
        "barid_router_commit_seconds_count 1",
        "barid_router_commit_seconds_sum 0.003",
        "barid_router_commit_seconds_bucket{le=\"0.002\"} 0",
        "barid_router_commit_seconds_bucket{le=\"0.004\"} 1",
        "barid_router_batch_events_bucket{le=\"4.0\",slot=\"0\"} 0",
        "barid_router_batch_events_bucket{le=\"16.0\",slot=\"0\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "`{line}` is not in\n{text}");
    }
}

#[test]
fn who_asks_for_a_metric_again_gets_the_same_one() {
    let metrics = Metrics::new("router");
    metrics.counter("events", "Events").add(1);
    metrics.clone().counter("events", "Events").add(1);
    assert_eq!(metrics.counter("events", "Events").get(), 2);
    let lag = metrics.gauges("lag", "Lag", ["partition"]);
    metrics.gauges("lag", "Lag", ["partition"]).at(["3"]).set(7);
    assert_eq!(lag.at(["3"]).get(), 7);
    lag.remove(["3"]);
    assert!(!metrics.text().contains("partition"), "a removed gauge is shown no more");
}

#[test]
#[should_panic(expected = "metric `barid_router_events` is a counter already, not a gauge")]
fn a_name_stands_for_one_kind_of_metric() {
    let metrics = Metrics::new("router");
    metrics.counter("events", "Events");
    metrics.gauge("events", "Events");
}

#[test]
#[should_panic(expected = "`barid_router_Events total` is not a name of a metric")]
fn a_name_that_prometheus_would_refuse_is_refused() {
    Metrics::new("router").counter("Events total", "Events");
}

// Health.

/// Status, media type and body of an answer.
fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let media_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    (status, media_type.to_owned(), body.to_owned())
}

#[test]
fn prometheus_can_scrape_the_metrics() {
    let metrics = Metrics::new("router");
    let events = metrics.counter("events", "Events");
    let server = HealthServer::start("127.0.0.1:0", metrics, Readiness::default()).expect("a free port");
    events.add(41);
    events.add(1);
    let (status, media_type, body) = get(server.address(), "/metrics");
    assert_eq!(status, 200);
    assert!(media_type.starts_with("application/openmetrics-text"), "{media_type}");
    assert!(body.contains("barid_router_events_total 42\n"), "{body}");
    assert_eq!(get(server.address(), "/nothing").0, 404);
}

#[test]
fn readyz_names_the_conditions_that_fail_and_healthz_does_not_care() {
    let readiness = Readiness::with_conditions(["broker", "registry"]);
    let server = HealthServer::start("127.0.0.1:0", Metrics::new("router"), readiness.clone()).expect("a free port");
    let address = server.address();
    let text = |status: u16, body: &str| (status, "text/plain; charset=utf-8".to_owned(), body.to_owned());
    assert_eq!(get(address, "/readyz"), text(503, "not ready\nbroker: not checked yet\nregistry: not checked yet\n"));
    assert_eq!(get(address, "/healthz"), text(200, "ok\n"));
    readiness.ready("broker");
    assert_eq!(get(address, "/readyz"), text(503, "not ready\nregistry: not checked yet\n"));
    readiness.ready("registry");
    assert_eq!(get(address, "/readyz"), text(200, "ready\n"));
    readiness.not_ready("broker", "no broker answers at `kafka:9092`");
    assert_eq!(get(address, "/readyz"), text(503, "not ready\nbroker: no broker answers at `kafka:9092`\n"));
    assert_eq!(get(address, "/healthz").0, 200);
}

#[test]
fn a_condition_tells_whether_its_change_is_news() {
    let readiness = Readiness::with_conditions(["broker"]);
    assert!(!readiness.is_ready());
    assert!(readiness.not_ready("broker", "connection refused"), "nobody had looked before");
    assert!(!readiness.not_ready("broker", "no route to host"), "it failed before, another reason is no news");
    assert!(readiness.ready("broker"));
    assert!(!readiness.ready("broker"));
    assert!(readiness.is_ready());
    assert!(readiness.not_ready("broker", "connection refused"));
    assert!(readiness.not_ready("policy", "no version was applied"), "a new condition is news");
    assert_eq!(readiness.failing().len(), 2);
    assert!(Readiness::default().is_ready(), "nothing is waited for");
}

#[test]
fn a_stopped_server_frees_its_address_and_a_taken_one_is_an_error() {
    let start = |address: &str| HealthServer::start(address, Metrics::new("router"), Readiness::default());
    let first = start("127.0.0.1:0").expect("a free port");
    let address = first.address().to_string();
    assert_eq!(first.url(), format!("http://{address}"));
    let taken = start(&address).expect_err("the address is taken");
    assert_eq!(taken.to_string(), format!("cannot listen at `{address}`"));
    // A client that holds a connection open does not hold up the stop.
    let _idle = TcpStream::connect_timeout(&first.address(), LIMIT).expect("a connection");
    let began = Instant::now();
    first.stop();
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    start(&address).expect("the address is free again").stop();
    let nonsense = start("nowhere").expect_err("no port");
    assert!(nonsense.to_string().starts_with("`nowhere` is not an address to listen at"), "{nonsense}");
}

// Logs.

/// Keeps what is written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Lines;

    fn make_writer(&'w self) -> Lines {
        self.clone()
    }
}

/// The lines that an action leaves.
fn logged(settings: &LogSettings, action: impl FnOnce()) -> String {
    let lines = Lines::default();
    let (subscriber, _) = subscriber(settings, lines.clone()).expect("settings that are right");
    tracing::subscriber::with_default(subscriber, action);
    lines.text()
}

fn settings(level: &str) -> LogSettings {
    LogSettings { level: level.to_owned(), ..LogSettings::default() }
}

fn report() {
    let span = tracing::info_span!("slot", slot = 1);
    let _entered = span.enter();
    tracing::info!(topic = "barid.events.bank", rows = 12, "committed");
}

#[test]
fn without_a_terminal_each_line_is_one_json_object_with_its_fields_beside_the_message() {
    let text = logged(&settings("info"), report);
    assert_eq!(text.lines().count(), 1, "{text}");
    let mut line: Value = serde_json::from_str(&text).expect("JSON");
    let time = line["timestamp"].take();
    assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
    assert_eq!(
        line,
        serde_json::json!({
            "timestamp": null,
            "level": "INFO",
            "message": "committed",
            "topic": "barid.events.bank",
            "rows": 12,
            "target": "barid_telemetry::tests",
            "span": { "name": "slot", "slot": 1 },
        })
    );
}

#[test]
fn on_a_terminal_a_line_is_text_and_coloured_only_when_asked() {
    let on_terminal = |colour| LogSettings { terminal: true, colour, ..LogSettings::default() };
    let plain = logged(&on_terminal(false), report);
    assert!(plain.contains(" INFO slot: committed topic=\"barid.events.bank\" rows=12"), "{plain}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(logged(&on_terminal(true), report).contains('\u{1b}'));
    let json = LogSettings { format: LogFormat::Json, colour: true, ..on_terminal(true) };
    assert!(logged(&json, report).starts_with("{\"timestamp\""));
    let text = LogSettings { format: LogFormat::Text, ..LogSettings::default() };
    assert!(!logged(&text, report).contains('{'));
}

#[test]
fn the_level_holds_for_all_or_for_one_target() {
    assert_eq!(logged(&settings("warn"), report), "");
    assert_ne!(logged(&settings("warn,barid_telemetry=info"), report), "");
    let chatter = || tracing::debug!(target: "hyper::proto", "parsed a header");
    assert_eq!(logged(&settings("debug"), chatter), "", "libraries stay quiet at debug");
    assert_ne!(logged(&settings("debug,hyper=debug"), chatter), "", "unless they are asked for");
}

#[test]
fn a_level_that_is_none_is_refused_with_what_would_be_one() {
    for (level, reason) in
        [("", "it is empty"), ("loud", "`loud` is not a level"), ("info,barid_router", "`barid_router` is not a level")]
    {
        let error = subscriber(&settings(level), Lines::default()).err().expect("a refusal").to_string();
        assert!(error.contains(reason) && error.contains("info,barid_router=debug"), "{error}");
    }
    assert!(subscriber(&settings("barid_router=loud"), Lines::default()).is_err());
    assert!("xml".parse::<LogFormat>().is_err());
}

#[test]
fn logs_are_set_up_once() {
    let guard = init(LogSettings::default()).expect("the first time");
    assert!(matches!(init(LogSettings::default()), Err(TelemetryError::AlreadySet)));
    guard.shutdown();
}

// Traces.

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE_ID: [u8; 16] =
    [0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];
const SPAN_ID: [u8; 8] = [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];

/// A collector that takes one request and gives its request line and body.
fn collector() -> (SocketAddr, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let request = read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
        let _ = sender.send(request);
    });
    (address, receiver)
}

fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).expect("a request");
        assert_ne!(count, 0, "the request ended early");
        bytes.extend_from_slice(&buffer[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let length: usize = length.parse().expect("a number");
        if bytes.len() >= end + 4 + length {
            return (head.lines().next().expect("a line").to_owned(), bytes[end + 4..].to_vec());
        }
    }
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

/// Runs an action with traces that go to the endpoint, and sends them.
fn traced(endpoint: &str, sample_ratio: f64, action: impl FnOnce()) {
    let settings = LogSettings {
        otlp_endpoint: Some(endpoint.to_owned()),
        service_name: "barid-test".to_owned(),
        // The log is nearly silent, the traces must be whole all the same.
        level: "error".to_owned(),
        sample_ratio,
        ..LogSettings::default()
    };
    let (subscriber, traces) = subscriber(&settings, Lines::default()).expect("settings that are right");
    let guard = Guard { traces };
    tracing::subscriber::with_default(subscriber, || {
        action();
        guard.shutdown();
    });
}

#[test]
fn a_span_continues_the_trace_of_a_record_and_reaches_the_collector() {
    let (address, requests) = collector();
    traced(&format!("http://{address}"), 1.0, || {
        let event = tracing::info_span!(parent: None, "route_event", reason = "no_permit");
        assert!(traces::continue_trace(&event, TRACEPARENT));
        let onward = traces::traceparent_of(&event).expect("a trace");
        assert!(onward.starts_with(&TRACEPARENT[..36]) && onward.ends_with("-01"), "{onward}");
        assert_ne!(onward, TRACEPARENT, "the parent of what follows is this span");
        event.in_scope(|| tracing::info_span!(target: "hyper::client", "noise").in_scope(|| ()));
    });
    let (line, body) = requests.recv_timeout(LIMIT).expect("a request");
    assert_eq!(line, "post /v1/traces http/1.1");
    for part in [&TRACE_ID[..], &SPAN_ID, b"route_event", b"no_permit", b"barid-test"] {
        assert!(holds(&body, part), "{} is missing", String::from_utf8_lossy(part));
    }
    assert!(!holds(&body, b"noise"), "spans of libraries are not exported");
}

#[test]
fn a_batch_is_linked_to_the_traces_of_its_events_and_has_one_of_its_own() {
    let (address, requests) = collector();
    traced(&format!("http://{address}/v1/traces"), 1.0, || {
        let batch = tracing::info_span!("route_batch", events = 1);
        assert!(traces::link(&batch, TRACEPARENT));
        assert!(!traces::link(&batch, "00-nonsense"));
        let own = traces::traceparent_of(&batch).expect("a trace");
        assert!(!own.contains(&TRACEPARENT[3..35]), "{own}");
    });
    let (_, body) = requests.recv_timeout(LIMIT).expect("a request");
    assert!(holds(&body, b"route_batch") && holds(&body, &TRACE_ID));
}

#[test]
fn a_new_trace_that_is_not_sampled_says_so_to_those_who_continue_it() {
    // Nothing is sampled, so nothing is sent and no collector is needed.
    traced("http://127.0.0.1:9", 0.0, || {
        let fresh = tracing::info_span!(parent: None, "publish_event");
        let onward = traces::traceparent_of(&fresh).expect("a trace");
        assert!(onward.ends_with("-00") && !traces::is_sampled(&onward), "{onward}");
        // Who started a trace decides for those who continue it.
        let continued = tracing::info_span!(parent: None, "route_event");
        traces::continue_trace(&continued, &format!("{}00", &TRACEPARENT[..53]));
        assert!(!traces::is_sampled(&traces::traceparent_of(&continued).expect("a trace")));
    });
}

#[test]
fn without_an_endpoint_there_is_no_trace_to_continue() {
    let (subscriber, _) = subscriber(&settings("info"), Lines::default()).expect("settings that are right");
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("route_event");
        assert!(!traces::continue_trace(&span, TRACEPARENT));
        assert!(traces::link(&span, TRACEPARENT), "the header is well formed");
        assert_eq!(traces::traceparent_of(&span), None);
    });
}

#[test]
fn only_a_well_formed_header_with_the_flag_is_sampled() {
    assert!(traces::is_sampled(TRACEPARENT));
    for header in [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
        &"ب".repeat(40),
    ] {
        assert!(!traces::is_sampled(header), "{header}");
    }
}

#[test]
fn the_end_of_a_process_does_not_wait_for_a_collector_that_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address");
    let end = || {
        let began = Instant::now();
        traced(&format!("http://{address}"), 1.0, || drop(tracing::info_span!("route_event").entered()));
        began.elapsed()
    };
    // A collector is waited for longer than that. A busy machine may hold an attempt or two up, whatever is right.
    assert!((0..10).any(|_| end() < Duration::from_secs(4)));
}

#[test]
fn a_collector_that_is_away_is_told_once_and_so_is_its_return() {
    // The address is taken, so that nobody else answers there, and does not listen before it is meant to.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let announcing = Announcing::new(&format!("http://{address}")).expect("an exporter");
    let export = || {
        let mut context = Context::from_waker(Waker::noop());
        let exporting = pin!(SpanExporter::export(&announcing, Vec::new())).poll(&mut context);
        assert!(exporting.is_ready(), "the client is a blocking one");
    };
    let text = logged(&settings("info"), || {
        export();
        export();
        let listener = TcpListener::bind(address).expect("the same address");
        let answering = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
        });
        export();
        answering.join().expect("an answer");
    });
    let messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let messages: Vec<&str> = messages.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(
        messages,
        [
            "traces cannot be sent to the collector and are lost until it answers",
            "traces are sent to the collector again"
        ]
    );
}

#[test]
fn an_endpoint_needs_a_scheme_and_gets_the_path_of_traces() {
    for (written, meant) in [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector:4318/", "https://collector:4318/v1/traces"),
        ("http://collector/otlp/v1/traces", "http://collector/otlp/v1/traces"),
    ] {
        assert_eq!(traces_endpoint(written).expect("an endpoint"), meant);
    }
    for written in ["collector:4318", "grpc://collector:4318"] {
        let error = traces_endpoint(written).expect_err("no scheme").to_string();
        assert_eq!(
            error,
            format!(
                "OTLP endpoint `{written}` has no scheme `http://` or `https://`; write it as `http://collector:4318`"
            )
        );
    }
}
