//! The part of Confluent's API that Avro clients use, case by case, with the answers that its registry gives (version 7.9).

use crate::support::{NO_DEFAULT, V1, V2};

pub(crate) enum Body {
    None,
    /// A schema, to be wrapped as clients do.
    Schema(String),
    Json(String),
}

pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Body,
}

pub(crate) struct Case {
    pub(crate) what: String,
    pub(crate) requests: Vec<Request>,
    /// Which part of the answer to the last request is looked at, as a JSON pointer; `-`: the status alone; `{s} is in it`: whether the list holds the subject;
    /// `alone`: the list if it has one member, else that it has more.
    pub(crate) shown: &'static str,
    pub(crate) expected: String,
    /// Puts back what holds for all.
    pub(crate) afterwards: Vec<Request>,
}

impl Case {
    pub(crate) fn new(what: impl Into<String>, expected: impl Into<String>) -> Self {
        let (what, expected) = (what.into(), expected.into());
        Self { what, requests: Vec::new(), shown: "", expected, afterwards: Vec::new() }
    }

    pub(crate) fn last_request(&self) -> String {
        self.requests.last().map_or_else(String::new, |request| format!("{} {}", request.method, request.path))
    }

    fn then(mut self, method: &'static str, path: &str, body: Body, shown: &'static str) -> Self {
        self.requests.push(Request { method, path: path.to_owned(), body });
        self.shown = shown;
        self
    }

    pub(crate) fn get(self, path: &str, shown: &'static str) -> Self {
        self.then("GET", path, Body::None, shown)
    }

    fn delete(self, path: &str, shown: &'static str) -> Self {
        self.then("DELETE", path, Body::None, shown)
    }

    fn put(self, path: &str, json: &str) -> Self {
        self.then("PUT", path, Body::Json(json.to_owned()), "")
    }

    fn post(self, path: &str, json: &str, shown: &'static str) -> Self {
        self.then("POST", path, Body::Json(json.to_owned()), shown)
    }

    /// Registers under `{s}`.
    fn register(self, schema: &str) -> Self {
        self.register_under("{s}", schema)
    }

    fn register_under(self, subject: &str, schema: &str) -> Self {
        self.then("POST", &format!("/subjects/{subject}/versions"), Body::Schema(schema.to_owned()), "")
    }

    fn look_up(self, schema: &str, query: &str) -> Self {
        self.then("POST", &format!("/subjects/{{s}}{query}"), Body::Schema(schema.to_owned()), "")
    }

    fn check(self, version: &str, schema: &str) -> Self {
        let path = format!("/compatibility/subjects/{{s}}/versions{version}");
        self.then("POST", &path, Body::Schema(schema.to_owned()), "/is_compatible")
    }

    fn level(self, level: &str) -> Self {
        self.put("/config/{s}", &format!(r#"{{"compatibility":"{level}"}}"#))
    }

    fn mode(self, mode: &str) -> Self {
        self.put("/mode/{s}", &format!(r#"{{"mode":"{mode}"}}"#))
    }

    fn afterwards(mut self, method: &'static str, path: &str, body: Body) -> Self {
        self.afterwards.push(Request { method, path: path.to_owned(), body });
        self
    }
}

/// [`V1`] with the order of its attributes changed, the namespace in the name, and white space.
const V1_OTHERWISE: &str =
    r#" { "fields": [ {"type": "string", "name": "id"} ], "name": "ir.test.Case", "type": "record" } "#;
const V1_WITH_DOC: &str =
    r#"{"type":"record","name":"Case","namespace":"ir.test","doc":"a case","fields":[{"name":"id","type":"string"}]}"#;
const V1_WITH_DEFAULT: &str =
    r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"string","default":""}]}"#;
const NO_FIELD: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[]}"#;
const INT: &str = r#"{"type":"record","name":"Case","namespace":"ir.test","fields":[{"name":"id","type":"int"}]}"#;
/// A schema of a name that nobody else uses, so that its id is used by nobody else.
const OWN: &str = r#"{"type":"record","name":"{n}","fields":[]}"#;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = registering();
    cases.extend(looking_up());
    cases.extend(reading());
    cases.extend(deleting());
    cases.extend(levels());
    cases.extend(settings());
    cases
}

fn registering() -> Vec<Case> {
    vec![
        Case::new("registering gives the id", r#"200 {"id":{id}}"#).register(OWN),
        Case::new("the same again has the same id", r#"200 {"id":{id}}"#).register(V1).register(V1),
        Case::new("the same again is no new version", "200 [1]").register(V1).register(V1).get("/subjects/{s}/versions", ""),
        Case::new("the same in other letters has the same id", r#"200 {"id":{id}}"#).register(V1).register(V1_OTHERWISE),
        Case::new("the same in other letters is no new version", "200 [1]")
            .register(V1)
            .register(V1_OTHERWISE)
            .get("/subjects/{s}/versions", ""),
        Case::new("the same under another subject has the same id", r#"200 {"id":{id}}"#)
            .register(V1)
            .register_under("{t}", V1),
        Case::new("another doc is another version", "200 [1,2]")
            .register(V1)
            .register(V1_WITH_DOC)
            .get("/subjects/{s}/versions", ""),
        Case::new("another default is another version", "200 [1,2]")
            .register(V1)
            .register(V1_WITH_DEFAULT)
            .get("/subjects/{s}/versions", ""),
        Case::new("what is no schema", "422 42201").register(r#"{"type":"unheard_of"}"#),
        Case::new("a record without fields attribute", "422 42201").register(r#"{"type":"record","name":"A"}"#),
        Case::new("no JSON as schema", "422 42201").register("{"),
        Case::new("an empty schema", "422 42201").register(""),
        Case::new("a schema of another kind", "200").post(
            "/subjects/{s}/versions",
            r#"{"schemaType":"JSON","schema":"{\"type\":\"object\"}"}"#,
            "-",
        ),
        Case::new("a schema that refers to another one", "200").register_under("{t}", OWN).post(
            "/subjects/{s}/versions",
            r#"{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"{n}\"}]}","references":[{"name":"{n}","subject":"{t}","version":1}]}"#,
            "-",
        ),
        Case::new("a body without a schema", "422 42201").post("/subjects/{s}/versions", "{}", ""),
    ]
}

fn looking_up() -> Vec<Case> {
    let whole = |version: u32, schema: &str| {
        let schema = serde_json::Value::from(schema);
        format!(r#"200 {{"id":{{id}},"schema":{schema},"subject":"{{s}}","version":{version}}}"#)
    };
    vec![
        Case::new("looking a schema up", whole(1, V1)).register(V1).look_up(V1, ""),
        Case::new("looking a schema up in other letters", "200 1").register(V1).then(
            "POST",
            "/subjects/{s}",
            Body::Schema(V1_OTHERWISE.to_owned()),
            "/version",
        ),
        Case::new("looking up where there is no subject", "404 40401").look_up(V1, ""),
        Case::new("looking up what is not there", "404 40403").register(V1).look_up(V2, ""),
        Case::new("looking up what is in another subject only", "404 40403")
            .register_under("{t}", V2)
            .register(V1)
            .look_up(V2, ""),
        Case::new("looking up a version that is deleted", "404 40403")
            .register(V1)
            .register(V2)
            .delete("/subjects/{s}/versions/1", "")
            .look_up(V1, ""),
        Case::new("looking up a version that is deleted, when asked for", whole(1, V1))
            .register(V1)
            .register(V2)
            .delete("/subjects/{s}/versions/1", "")
            .look_up(V1, "?deleted=true"),
        Case::new("looking up in a subject that is deleted", "404 40401")
            .register(V1)
            .delete("/subjects/{s}", "")
            .look_up(V1, ""),
    ]
}

fn reading() -> Vec<Case> {
    let of_v1 = || Case::new("", "").register(V1);
    let case = |what: &str, expected: &str, path: &str, shown| {
        let case = of_v1().get(path, shown);
        Case { what: what.to_owned(), expected: expected.to_owned(), ..case }
    };
    let nothing = |what: &str, expected: &str, path: &str| Case::new(what, expected).get(path, "");
    vec![
        nothing("versions where there is no subject", "404 40401", "/subjects/{s}/versions"),
        nothing("a version where there is no subject", "404 40401", "/subjects/{s}/versions/1"),
        nothing("the latest where there is no subject", "404 40401", "/subjects/{s}/versions/latest"),
        case("a subject is listed", "200 true", "/subjects", "{s} is in it"),
        case("subjects by what their names begin with", r#"200 ["{s}"]"#, "/subjects?subjectPrefix={s}", "alone"),
        case("a version that is not there", "404 40402", "/subjects/{s}/versions/2", ""),
        case("the latest version", "200 1", "/subjects/{s}/versions/latest", "/version"),
        case("version -1 is the latest", "200 1", "/subjects/{s}/versions/-1", "/version"),
        case("version 0", "422 42202", "/subjects/{s}/versions/0", ""),
        case("a version that is a word", "422 42202", "/subjects/{s}/versions/newest", ""),
        case("the schema of a version alone", "200", "/subjects/{s}/versions/1/schema", "-"),
        case(
            "the schema in a version is as it was written",
            &format!("200 {}", serde_json::Value::from(V1)),
            "/subjects/{s}/versions/1",
            "/schema",
        ),
        case("who refers to a version", "200 []", "/subjects/{s}/versions/1/referencedby", ""),
        case("the schema of an id", &format!("200 {}", serde_json::Value::from(V1)), "/schemas/ids/{id}", "/schema"),
        case("the schema of an id alone", "200", "/schemas/ids/{id}/schema", "-"),
        nothing("an id that is not there", "404 40403", "/schemas/ids/999999999"),
        nothing("subjects of an id that is not there", "404 40403", "/schemas/ids/999999999/subjects"),
        Case::new("the subjects of an id", r#"200 ["{s}"]"#).register(OWN).get("/schemas/ids/{id}/subjects", ""),
        Case::new("the versions of an id", r#"200 [{"subject":"{s}","version":1}]"#)
            .register(OWN)
            .get("/schemas/ids/{id}/versions", ""),
    ]
}

fn deleting() -> Vec<Case> {
    let both = |what: &str, expected: &str| Case::new(what, expected).register(V1).register(V2);
    vec![
        both("deleting a version gives its number", "200 1").delete("/subjects/{s}/versions/1", ""),
        both("deleting the latest version", "200 2").delete("/subjects/{s}/versions/latest", ""),
        both("a deleted version is not listed", "200 [2]")
            .delete("/subjects/{s}/versions/1", "")
            .get("/subjects/{s}/versions", ""),
        both("a deleted version is listed when asked for", "200 [1,2]")
            .delete("/subjects/{s}/versions/1", "")
            .get("/subjects/{s}/versions?deleted=true", ""),
        both("only deleted versions are listed when asked for", "200 [1]")
            .delete("/subjects/{s}/versions/1", "")
            .get("/subjects/{s}/versions?deletedOnly=true", ""),
        both("a deleted version is not shown", "404 40402")
            .delete("/subjects/{s}/versions/1", "")
            .get("/subjects/{s}/versions/1", ""),
        Case::new("the id of a deleted version stays readable", "200")
            .register(OWN)
            .delete("/subjects/{s}/versions/1", "")
            .get("/schemas/ids/{id}", "-"),
        both("deleting a version twice", "404 40406")
            .delete("/subjects/{s}/versions/1", "")
            .delete("/subjects/{s}/versions/1", ""),
        both("deleting a version for good at once", "404 40407").delete("/subjects/{s}/versions/1?permanent=true", ""),
        both("deleting a version for good after the first time", "200 1")
            .delete("/subjects/{s}/versions/1", "")
            .delete("/subjects/{s}/versions/1?permanent=true", ""),
        Case::new("the id of a version that is deleted for good is gone", "404 40403")
            .register(OWN)
            .delete("/subjects/{s}/versions/1", "")
            .delete("/subjects/{s}/versions/1?permanent=true", "")
            .get("/schemas/ids/{id}", ""),
        both("deleting a version that is not there", "404 40402").delete("/subjects/{s}/versions/3", ""),
        Case::new("deleting a version where there is no subject", "404 40401").delete("/subjects/{s}/versions/1", ""),
        both("deleting a subject gives its versions", "200 [1,2]").delete("/subjects/{s}", ""),
        Case::new("deleting a subject that is not there", "404 40401").delete("/subjects/{s}", ""),
        both("deleting a subject twice", "404 40404").delete("/subjects/{s}", "").delete("/subjects/{s}", ""),
        both("deleting a subject for good at once", "404 40405").delete("/subjects/{s}?permanent=true", ""),
        both("deleting a subject for good after the first time", "200 [1,2]")
            .delete("/subjects/{s}", "")
            .delete("/subjects/{s}?permanent=true", ""),
        both("a deleted subject has no versions", "404 40401")
            .delete("/subjects/{s}", "")
            .get("/subjects/{s}/versions", ""),
        both("a deleted subject is listed when asked for", "200 true")
            .delete("/subjects/{s}", "")
            .get("/subjects?deleted=true", "{s} is in it"),
        both("a deleted subject is not listed", "200 false")
            .delete("/subjects/{s}", "")
            .get("/subjects", "{s} is in it"),
        both("what was deleted comes back under a new version", "200 [3]")
            .delete("/subjects/{s}", "")
            .register(V1)
            .get("/subjects/{s}/versions", ""),
        both("what was deleted comes back with its id", r#"200 {"id":{id}}"#).delete("/subjects/{s}", "").register(V1),
        both("a deleted subject has lost its level", "404 40408")
            .level("NONE")
            .delete("/subjects/{s}", "")
            .get("/config/{s}", ""),
    ]
}

/// What each level lets through.
fn levels() -> Vec<Case> {
    let all = ["BACKWARD", "FORWARD", "FULL", "BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE", "NONE"];
    let backward = ["BACKWARD", "BACKWARD_TRANSITIVE", "NONE"];
    let forward = ["FORWARD", "FORWARD_TRANSITIVE", "NONE"];
    // What changes, the versions before, the new one, the levels that let it through.
    let changes: [(&str, &[&str], &str, &[&str]); 7] = [
        ("a field with a default comes", &[V1], V2, &all),
        ("a field without a default comes", &[V1], NO_DEFAULT, &forward),
        ("a field without a default goes", &[V1], NO_FIELD, &backward),
        ("a field changes from text to number", &[V1], INT, &["NONE"]),
        (
            "a field goes that the first version wants",
            &[NO_DEFAULT, V2],
            V1,
            &["BACKWARD", "FORWARD", "FULL", "BACKWARD_TRANSITIVE", "NONE"],
        ),
        ("a field comes that the first version has not", &[V1, V2], NO_DEFAULT, &forward),
        ("a number grows", &[r#""int""#], r#""long""#, &backward),
    ];
    let mut cases = Vec::new();
    for (what, earlier, new, through) in changes {
        for level in all {
            let register =
                |case: Case| earlier.iter().fold(case.level("NONE"), |case, schema| case.register(schema)).level(level);
            let passes = through.contains(&level);
            let refused = if passes { "200" } else { "409 409" };
            let case = register(Case::new(format!("{what}, at {level}"), refused)).register(new);
            cases.push(Case { shown: "-", ..case });
            cases.push(
                register(Case::new(format!("{what}, checked at {level}"), format!("200 {passes}"))).check("", new),
            );
        }
    }
    cases.extend([
        Case::new("checking against one version", "200 true").register(V1).level("BACKWARD").check("/1", V2),
        Case::new("checking against the latest", "200 false").register(V1).level("BACKWARD").check("/latest", INT),
        Case::new("checking against a version that is not there", "404 40402").register(V1).check("/2", V1),
        Case::new("checking where there is no subject", "200 true").check("/latest", V1),
        Case::new("checking against version 1 where there is no subject", "404 40402").check("/1", V1),
        Case::new("checking what is no schema", "422 42201").register(V1).check("/latest", "{"),
    ]);
    cases
}

fn settings() -> Vec<Case> {
    let none = || Body::Json(r#"{"compatibility":"NONE"}"#.to_owned());
    vec![
        Case::new("the level at the start", r#"200 {"compatibilityLevel":"BACKWARD"}"#)
            .get("/config/{s}?defaultToGlobal=true", ""),
        Case::new("the level for all at the start", r#"200 {"compatibilityLevel":"BACKWARD"}"#).get("/config", ""),
        Case::new("a subject without a level", "404 40408").get("/config/{s}", ""),
        Case::new("setting a level is answered with it", r#"200 {"compatibility":"FULL"}"#).level("FULL"),
        Case::new("the level that was set", r#"200 {"compatibilityLevel":"FULL_TRANSITIVE"}"#)
            .level("FULL_TRANSITIVE")
            .get("/config/{s}", ""),
        Case::new("a level that is none", "422 42203").level("SIDEWAYS"),
        Case::new("taking a level back gives it", r#"200 {"compatibilityLevel":"FULL"}"#)
            .level("FULL")
            .delete("/config/{s}", ""),
        Case::new("taking back a level that is not set", "404 40401").delete("/config/{s}", ""),
        Case::new("a level for all", r#"200 {"compatibilityLevel":"NONE"}"#)
            .then("PUT", "/config", none(), "")
            .get("/config", "")
            .afterwards("DELETE", "/config", Body::None),
        Case::new("a level for all holds for a subject without one", "200")
            .then("PUT", "/config", none(), "")
            .register(V1)
            .then("POST", "/subjects/{s}/versions", Body::Schema(INT.to_owned()), "-")
            .afterwards("DELETE", "/config", Body::None),
        Case::new("the mode at the start", r#"200 {"mode":"READWRITE"}"#).get("/mode", ""),
        Case::new("a subject without a mode", "404 40409").get("/mode/{s}", ""),
        Case::new("setting a mode is answered with it", r#"200 {"mode":"READONLY"}"#).mode("READONLY"),
        Case::new("the mode that was set", r#"200 {"mode":"READONLY"}"#).mode("READONLY").get("/mode/{s}", ""),
        Case::new("a mode that is none", "422 42204").mode("SIDEWAYS"),
        Case::new("the mode for importing", r#"200 {"mode":"IMPORT"}"#).mode("IMPORT"),
        Case::new("registering while read-only", "422 42205").mode("READONLY").register(V1),
        Case::new("deleting while read-only", "422 42205").register(V1).mode("READONLY").delete("/subjects/{s}", ""),
        Case::new("taking a mode back gives it", r#"200 {"mode":"READONLY"}"#).mode("READONLY").delete("/mode/{s}", ""),
        Case::new("taking back a mode that is not set", "404 40401").delete("/mode/{s}", ""),
        Case::new("the kinds of schema", r#"200 ["JSON","PROTOBUF","AVRO"]"#).get("/schemas/types", ""),
    ]
}
