use reqwest::{Method, StatusCode};
use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_schema_by_id, get_schema_by_subject, post_schema,
};
use schema_registry_converter::avro_common::get_supplied_schema;
use schema_registry_converter::schema_registry_common::SubjectNameStrategy;
use serde_json::{Value, json};

use crate::{EmbeddedRegistry, Running};

const V1: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"string"}]}"#;
/// One more field, with a default: fully compatible with [`V1`].
const V2: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"string"},
    {"name":"note","type":["null","string"],"default":null}]}"#;
/// A field without a default: readers of this one cannot read older data.
const NO_DEFAULT: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"string"},
    {"name":"note","type":"string"}]}"#;
/// The only field is gone, and it had no default: older readers cannot read newer data.
const NO_ID: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[]}"#;

/// A registry and the requests of a client, each with its answer as status and JSON.
struct Client {
    registry: Running,
    http: reqwest::Client,
}

impl Client {
    fn start() -> Self {
        let registry = EmbeddedRegistry::start("127.0.0.1:0").expect("a free port");
        Self { registry, http: reqwest::Client::new() }
    }

    async fn send(&self, method: Method, path: &str, body: Option<String>) -> (u16, Value) {
        let request = self.http.request(method, format!("{}{path}", self.registry.url()));
        let request = match body {
            Some(body) => request.header("content-type", "application/vnd.schemaregistry.v1+json").body(body),
            None => request,
        };
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let media_type = response.headers().get("content-type").expect("a media type").clone();
        assert_eq!(media_type, "application/vnd.schemaregistry.v1+json", "{path}");
        (status.as_u16(), response.json().await.expect("an answer in JSON"))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, None).await
    }

    async fn delete(&self, path: &str) -> (u16, Value) {
        self.send(Method::DELETE, path, None).await
    }

    async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    async fn post(&self, path: &str, schema: &str) -> (u16, Value) {
        self.send(Method::POST, path, Some(json!({ "schema": schema }).to_string())).await
    }

    async fn register(&self, subject: &str, schema: &str) -> (u16, Value) {
        self.post(&format!("/subjects/{subject}/versions"), schema).await
    }

    /// Registers, which must succeed, and gives the id.
    async fn id(&self, subject: &str, schema: &str) -> u64 {
        let (status, body) = self.register(subject, schema).await;
        assert_eq!(status, 200, "{body}");
        body["id"].as_u64().expect("an id")
    }
}

/// What an error has to say: status, code, message.
fn refused(answer: &(u16, Value), status: u16, code: u64, part: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert_eq!(answer.1["error_code"], code, "{}", answer.1);
    let message = answer.1["message"].as_str().expect("a message");
    assert!(message.contains(part), "`{message}` does not contain `{part}`");
}

#[tokio::test]
async fn registers_looks_up_and_shows_a_schema() {
    let client = Client::start();
    assert_eq!(client.id("ir.test.Case", V1).await, 1);
    assert_eq!(client.get("/subjects").await, (200, json!(["ir.test.Case"])));
    assert_eq!(client.get("/subjects/ir.test.Case/versions").await, (200, json!([1])));
    let whole = json!({ "subject": "ir.test.Case", "version": 1, "id": 1, "schema": V1 });
    for path in ["1", "latest", "-1"] {
        assert_eq!(client.get(&format!("/subjects/ir.test.Case/versions/{path}")).await, (200, whole.clone()));
    }
    assert_eq!(client.post("/subjects/ir.test.Case", V1).await, (200, whole));
    let parsed: Value = serde_json::from_str(V1).expect("JSON");
    assert_eq!(client.get("/subjects/ir.test.Case/versions/1/schema").await, (200, parsed.clone()));
    assert_eq!(client.get("/subjects/ir.test.Case/versions/1/referencedby").await, (200, json!([])));
    assert_eq!(client.get("/schemas/ids/1?subject=ir.test.Case&deleted=true").await, (200, json!({ "schema": V1 })));
    assert_eq!(client.get("/schemas/ids/1/schema").await, (200, parsed));
    let uses = json!([{ "subject": "ir.test.Case", "version": 1 }]);
    assert_eq!(client.get("/schemas/ids/1/versions").await, (200, uses));
    assert_eq!(client.get("/schemas/ids/1/subjects").await, (200, json!(["ir.test.Case"])));
    assert_eq!(client.get("/schemas/types").await, (200, json!(["AVRO"])));
    assert_eq!(client.get("/").await, (200, json!({})));
}

#[tokio::test]
async fn the_same_schema_has_one_id_in_all_subjects_however_it_is_written() {
    let client = Client::start();
    let id = client.id("a", V1).await;
    assert_eq!(client.id("b", V1).await, id);
    let otherwise =
        r#" { "fields": [ {"type": {"type": "string"}, "name": "id"} ], "name": "ir.test.Case", "type": "record" } "#;
    assert_eq!(client.id("a", otherwise).await, id);
    assert_eq!(client.get("/subjects/a/versions").await, (200, json!([1])));
    assert_eq!(client.post("/subjects/b", otherwise).await.1["version"], 1);
}

#[tokio::test]
async fn a_new_default_doc_or_alias_is_another_schema() {
    let client = Client::start();
    let with = |attribute: &str| {
        format!(r#"{{"type":"record","name":"Case","fields":[{{"name":"id","type":"string"{attribute}}}]}}"#)
    };
    assert_eq!(client.id("a", &with("")).await, 1);
    assert_eq!(client.id("a", &with(r#","default":"none""#)).await, 2);
    assert_eq!(client.id("a", &with(r#","doc":"the case""#)).await, 3);
    assert_eq!(client.id("a", &with(r#","aliases":["number"]"#)).await, 4);
}

#[tokio::test]
async fn what_is_not_there_has_the_code_that_clients_look_for() {
    let client = Client::start();
    refused(&client.get("/subjects/none/versions").await, 404, 40401, "Subject 'none' not found.");
    refused(&client.get("/subjects/none/versions/1").await, 404, 40401, "none");
    refused(&client.post("/subjects/none", V1).await, 404, 40401, "none");
    refused(&client.delete("/subjects/none").await, 404, 40401, "none");
    refused(&client.get("/schemas/ids/7").await, 404, 40403, "Schema 7 not found");
    refused(&client.get("/schemas/ids/seven").await, 404, 404, "Not Found");
    refused(&client.get("/nothing").await, 404, 404, "Not Found");
    refused(&client.delete("/subjects").await, 405, 405, "Not Allowed");
    client.id("a", V1).await;
    refused(&client.get("/subjects/a/versions/2").await, 404, 40402, "Version 2 not found.");
    refused(&client.post("/subjects/a", V2).await, 404, 40403, "Schema not found");
    for version in ["0", "-2", "newest", "99999999999"] {
        refused(&client.get(&format!("/subjects/a/versions/{version}")).await, 422, 42202, version);
    }
    refused(&client.get("/config/a").await, 404, 40408, "does not have subject-level compatibility");
    refused(&client.get("/mode/a").await, 404, 40409, "does not have subject-level mode");
}

#[tokio::test]
async fn what_is_no_avro_schema_is_refused() {
    let client = Client::start();
    let twice = r#"{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"fixed","name":"F","size":1}},
        {"name":"c","type":{"type":"fixed","name":"F","size":2}}]}"#;
    for schema in ["", "{}", r#"{"type":"record"}"#, r#"{"type":"unheard_of"}"#, twice] {
        refused(&client.register("a", schema).await, 422, 42201, "Invalid schema");
    }
    for (body, code, part) in [
        (json!({ "schema": V1, "schemaType": "PROTOBUF" }), 42201, "Avro schemas only"),
        (json!({ "schema": V1, "references": [{ "name": "x", "subject": "x", "version": 1 }] }), 42201, "references"),
        (json!({ "sschema": V1 }), 42201, "Invalid schema"),
        (json!({ "schema": 1 }), 422, "invalid type"),
    ] {
        let answer = client.send(Method::POST, "/subjects/a/versions", Some(body.to_string())).await;
        refused(&answer, 422, code, part);
    }
    assert_eq!(client.get("/subjects").await, (200, json!([])));
    let body = json!({ "schema": V1, "schemaType": "AVRO", "references": [], "metadata": null }).to_string();
    assert_eq!(client.send(Method::POST, "/subjects/a/versions?normalize=true", Some(body)).await.0, 200);
}

#[tokio::test]
async fn takes_both_content_types_and_no_body_that_is_too_large() {
    let client = Client::start();
    let body = json!({ "schema": V1 }).to_string();
    let url = format!("{}/subjects/a/versions", client.registry.url());
    for (media_type, status) in [
        ("application/json", StatusCode::OK),
        ("application/vnd.schemaregistry.v1+json; charset=utf-8", StatusCode::OK),
        ("text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let request = client.http.post(&url).header("content-type", media_type).body(body.clone());
        assert_eq!(request.send().await.expect("an answer").status(), status, "{media_type}");
    }
    let large = json!({ "schema": "x".repeat(crate::http::MOST_BODY_BYTES) }).to_string();
    let answer = client.send(Method::POST, "/subjects/a/versions", Some(large)).await;
    refused(&answer, 413, 413, "larger than 1048576 bytes");
}

#[tokio::test]
async fn backward_is_the_default_level() {
    let client = Client::start();
    assert_eq!(client.get("/config").await, (200, json!({ "compatibilityLevel": "BACKWARD" })));
    client.id("a", V1).await;
    refused(&client.register("a", NO_DEFAULT).await, 409, 409, "field `note` is new and has no default");
    client.id("a", NO_ID).await;
}

#[tokio::test]
async fn each_level_lets_through_what_it_names_and_nothing_else() {
    // Earlier versions, then the new one, then the levels that let it through.
    let cases: &[(&str, &[&str], &str, &[&str])] = &[
        ("a field with a default", &[V1], V2, &["BACKWARD", "FORWARD", "FULL"]),
        ("a field without a default", &[V1], NO_DEFAULT, &["FORWARD"]),
        ("a field less", &[V1], NO_ID, &["BACKWARD"]),
        ("a field that changes its type", &[V1], &V1.replace("\"string\"", "\"int\""), &[]),
        // The last version has the field with a default, the first one without; the new one drops it.
        ("transitively less", &[NO_DEFAULT, V2], V1, &["BACKWARD", "FORWARD", "FULL"]),
        // Longs read ints, ints do not read longs.
        ("a number that shrinks", &[r#""long""#], r#""int""#, &["FORWARD"]),
        ("a number that grows", &[r#""int""#], r#""long""#, &["BACKWARD"]),
    ];
    for (what, earlier, new, through) in cases {
        for level in ["NONE", "BACKWARD", "FORWARD", "FULL"] {
            let expected = level == "NONE" || through.contains(&level);
            assert_eq!(lets_through(level, earlier, new).await, expected, "{what} at {level}");
        }
    }
    let transitive: &[(&str, &[&str], &str, &[&str])] = &[
        ("a field with a default", &[V1], V2, &["BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE"]),
        // Data of the new one lacks the field that the first version wants.
        ("transitively less", &[NO_DEFAULT, V2], V1, &["BACKWARD_TRANSITIVE"]),
        // The first version cannot give the field that the new one wants.
        ("transitively more", &[V1, V2], NO_DEFAULT, &["FORWARD_TRANSITIVE"]),
    ];
    for (what, earlier, new, through) in transitive {
        for level in ["BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE"] {
            assert_eq!(lets_through(level, earlier, new).await, through.contains(&level), "{what} at {level}");
        }
    }
}

async fn lets_through(level: &str, earlier: &[&str], new: &str) -> bool {
    let client = Client::start();
    client.put("/config", json!({ "compatibility": "NONE" })).await;
    for schema in earlier {
        client.id("a", schema).await;
    }
    let set = client.put("/config/a", json!({ "compatibility": level })).await;
    assert_eq!(set, (200, json!({ "compatibility": level })));
    let (_, checked) = client.post("/compatibility/subjects/a/versions", new).await;
    let (status, body) = client.register("a", new).await;
    assert!(status == 200 || status == 409, "{body}");
    assert_eq!(checked["is_compatible"], status == 200, "the check and the registration disagree at {level}");
    status == 200
}

#[tokio::test]
async fn an_enum_that_loses_a_symbol_or_a_union_that_loses_a_branch_is_incompatible() {
    let with = |kind: &str| format!(r#"{{"type":"record","name":"A","fields":[{{"name":"f","type":{kind}}}]}}"#);
    let symbols = |list: &str| with(&format!(r#"{{"type":"enum","name":"E","symbols":[{list}]}}"#));
    assert!(!lets_through("BACKWARD", &[&symbols(r#""x","y""#)], &symbols(r#""x""#)).await);
    assert!(lets_through("BACKWARD", &[&symbols(r#""x""#)], &symbols(r#""x","y""#)).await);
    assert!(!lets_through("FORWARD", &[&symbols(r#""x""#)], &symbols(r#""x","y""#)).await);
    assert!(!lets_through("BACKWARD", &[&with(r#"["null","int"]"#)], &with(r#""int""#)).await);
}

#[tokio::test]
async fn which_of_two_fields_defines_a_record_does_not_matter() {
    let money = r#"{"type":"record","name":"Money","fields":[{"name":"rial","type":"long"}]}"#;
    let old = format!(
        r#"{{"type":"record","name":"A","namespace":"ir.test","fields":[{{"name":"a","type":{money}}},{{"name":"b","type":"Money"}}]}}"#
    );
    let new = format!(
        r#"{{"type":"record","name":"A","namespace":"ir.test","fields":[{{"name":"b","type":{money}}},{{"name":"a","type":"Money"}}]}}"#
    );
    assert!(lets_through("FULL", &[&old], &new).await);
    // A difference inside a record is found where only its name stands, too.
    let shrunk = new.replace("long", "int");
    assert!(!lets_through("BACKWARD", &[&old], &shrunk).await);
}

#[tokio::test]
async fn a_record_within_itself_is_compared() {
    let list = |more: &str| {
        format!(r#"{{"type":"record","name":"List","fields":[{{"name":"next","type":["null","List"]}}{more}]}}"#)
    };
    let more = list(r#",{"name":"value","type":"int","default":0}"#);
    assert!(lets_through("FULL", &[&list("")], &more).await);
    assert!(!lets_through("BACKWARD", &[&list("")], &more.replace(r#","default":0"#, "")).await);
}

#[tokio::test]
async fn a_schema_that_would_grow_without_bound_is_refused_and_not_computed() {
    let mut text = r#"{"type":"record","name":"R0","fields":[]}"#.to_owned();
    for depth in 1..40 {
        let before = depth - 1;
        text = format!(
            r#"{{"type":"record","name":"R{depth}","fields":[{{"name":"a","type":{text}}},{{"name":"b","type":"R{before}"}}]}}"#
        );
    }
    let client = Client::start();
    client.id("a", &text).await;
    let changed = text.replacen(r#""name":"R0""#, r#""name":"R0","doc":"other""#, 1);
    refused(&client.register("a", &changed).await, 409, 409, "more than 100000 parts");
}

#[tokio::test]
async fn a_check_names_the_differences_when_asked() {
    let client = Client::start();
    let check = |path: &'static str| client.post(path, NO_DEFAULT);
    assert_eq!(check("/compatibility/subjects/a/versions/latest").await, (200, json!({ "is_compatible": true })));
    refused(&check("/compatibility/subjects/a/versions/1").await, 404, 40402, "1");
    client.id("a", V1).await;
    assert_eq!(check("/compatibility/subjects/a/versions/1").await, (200, json!({ "is_compatible": false })));
    let (_, body) = check("/compatibility/subjects/a/versions/latest?verbose=true").await;
    assert_eq!(
        body["messages"],
        json!(["the new schema cannot read data of version 1: field `note` is new and has no default"])
    );
    refused(&check("/compatibility/subjects/a/versions/2").await, 404, 40402, "2");
}

#[tokio::test]
async fn levels_hold_for_all_or_for_one_subject() {
    let client = Client::start();
    let full = json!({ "compatibility": "FULL_TRANSITIVE" });
    assert_eq!(client.put("/config", full.clone()).await, (200, full));
    assert_eq!(client.get("/config/a?defaultToGlobal=true").await.1["compatibilityLevel"], "FULL_TRANSITIVE");
    client.put("/config/a", json!({ "compatibility": "none" })).await;
    assert_eq!(client.get("/config/a").await, (200, json!({ "compatibilityLevel": "NONE" })));
    assert_eq!(client.delete("/config/a").await, (200, json!({ "compatibilityLevel": "NONE" })));
    refused(&client.delete("/config/a").await, 404, 40401, "a");
    client.delete("/config").await;
    assert_eq!(client.get("/config").await.1["compatibilityLevel"], "BACKWARD");
    refused(&client.put("/config", json!({ "compatibility": "SIDEWAYS" })).await, 422, 42203, "Invalid compatibility");
}

#[tokio::test]
async fn deleting_is_soft_first_and_permanent_only_then() {
    let client = Client::start();
    client.id("a", V1).await;
    client.id("a", V2).await;
    refused(&client.delete("/subjects/a/versions/1?permanent=true").await, 404, 40407, "was not deleted first");
    assert_eq!(client.delete("/subjects/a/versions/1").await, (200, json!(1)));
    refused(&client.delete("/subjects/a/versions/1").await, 404, 40406, "was soft deleted");
    assert_eq!(client.get("/subjects/a/versions").await, (200, json!([2])));
    assert_eq!(client.get("/subjects/a/versions?deleted=true").await, (200, json!([1, 2])));
    assert_eq!(client.get("/schemas/ids/1").await.0, 200, "data of a deleted version must stay readable");
    assert_eq!(client.delete("/subjects/a/versions/1?permanent=true").await, (200, json!(1)));
    refused(&client.get("/schemas/ids/1").await, 404, 40403, "1");

    refused(&client.delete("/subjects/a?permanent=true").await, 404, 40405, "was not deleted first");
    assert_eq!(client.delete("/subjects/a").await, (200, json!([2])));
    refused(&client.delete("/subjects/a").await, 404, 40404, "was soft deleted");
    assert_eq!(client.get("/subjects").await, (200, json!([])));
    assert_eq!(client.get("/subjects?deleted=true").await, (200, json!(["a"])));
    assert_eq!(client.id("a", V2).await, 2, "the same schema has the same id again");
    assert_eq!(client.get("/subjects/a/versions").await, (200, json!([3])));
    client.delete("/subjects/a").await;
    assert_eq!(client.delete("/subjects/a?permanent=true").await, (200, json!([3])), "version 2 gave way to version 3");
    assert_eq!(client.id("a", V2).await, 3, "an id is never given to another schema");
}

#[tokio::test]
async fn nothing_changes_in_a_subject_that_is_read_only() {
    let client = Client::start();
    client.id("a", V1).await;
    let read_only = json!({ "mode": "READONLY" });
    assert_eq!(client.get("/mode").await, (200, json!({ "mode": "READWRITE" })));
    assert_eq!(client.put("/mode/a", read_only.clone()).await, (200, read_only.clone()));
    refused(&client.register("a", V2).await, 422, 42205, "read-only mode");
    refused(&client.delete("/subjects/a").await, 422, 42205, "read-only mode");
    client.id("b", V1).await;
    assert_eq!(client.delete("/mode/a").await, (200, read_only.clone()));
    client.id("a", V2).await;
    client.put("/mode", read_only).await;
    refused(&client.register("b", V2).await, 422, 42205, "read-only mode");
    refused(&client.put("/mode", json!({ "mode": "IMPORT" })).await, 422, 42204, "Invalid mode");
}

#[tokio::test]
async fn subjects_with_unusual_letters_are_subjects() {
    let client = Client::start();
    client.id("%D9%BE%D8%B1%D9%88%D9%86%D8%AF%D9%87%2F1", V1).await;
    assert_eq!(client.get("/subjects").await, (200, json!(["پرونده/1"])));
    client.id("other", V1).await;
    assert_eq!(client.get("/subjects?subjectPrefix=o").await, (200, json!(["other"])));
}

#[tokio::test]
async fn forgets_everything_when_it_is_emptied() {
    let client = Client::start();
    client.id("a", V1).await;
    client.id("a", V2).await;
    client.put("/config", json!({ "compatibility": "FULL" })).await;
    client.registry.clear();
    assert_eq!(client.get("/subjects").await, (200, json!([])));
    refused(&client.get("/schemas/ids/1").await, 404, 40403, "1");
    assert_eq!(client.get("/config").await.1["compatibilityLevel"], "BACKWARD");
    assert_eq!(client.id("a", V2).await, 1);
}

#[tokio::test]
async fn the_client_that_barid_uses_registers_and_reads_back() {
    let registry = EmbeddedRegistry::start("127.0.0.1:0").expect("a free port");
    let settings = SrSettings::new(registry.url());
    let schema = apache_avro::Schema::parse_str(V1).expect("a schema");
    let posted = post_schema(&settings, "ir.test.Case".to_owned(), get_supplied_schema(&schema)).await.expect("an id");
    assert_eq!(posted.id, 1);
    let by_id = get_schema_by_id(1, &settings).await.expect("the schema of id 1");
    assert_eq!(apache_avro::Schema::parse_str(&by_id.schema).expect("a schema"), schema);
    let strategy = SubjectNameStrategy::RecordNameStrategyWithSchema(get_supplied_schema(&schema));
    assert_eq!(get_schema_by_subject(&settings, &strategy).await.expect("the schema of the subject").id, 1);
    let unknown = get_schema_by_id(2, &settings).await.expect_err("id 2 is not there");
    assert!(!unknown.retriable, "a schema that is not there is an answer, not a failure to answer: {unknown}");
}

#[tokio::test]
async fn a_subject_that_is_deleted_loses_its_settings() {
    let client = Client::start();
    client.id("a", V1).await;
    client.put("/config/a", json!({ "compatibility": "NONE" })).await;
    client.put("/mode/a", json!({ "mode": "READWRITE" })).await;
    client.delete("/subjects/a").await;
    refused(&client.get("/config/a").await, 404, 40408, "a");
    refused(&client.get("/mode/a").await, 404, 40409, "a");
}

#[tokio::test]
async fn soft_deleted_subjects_and_versions_are_listed_when_asked_for() {
    let client = Client::start();
    client.id("a", V1).await;
    client.id("a", V2).await;
    client.id("b", V1).await;
    client.delete("/subjects/a/versions/1").await;
    client.delete("/subjects/b").await;
    assert_eq!(client.get("/subjects?deletedOnly=true").await, (200, json!(["b"])));
    assert_eq!(client.get("/subjects/a/versions?deletedOnly=true").await, (200, json!([1])));
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let first = EmbeddedRegistry::start("127.0.0.1:0").expect("a free port");
    let address = first.address().to_string();
    let taken = EmbeddedRegistry::start(&address).expect_err("the address is taken");
    assert_eq!(taken.to_string(), format!("cannot listen at `{address}`"));
    first.stop();
    EmbeddedRegistry::start(&address).expect("the address is free again").stop();
}
