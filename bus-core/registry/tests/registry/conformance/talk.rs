//! Carrying a case out against one registry.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use barid_harness::{SchemaRegistry, unique_prefix};
use serde_json::{Value, json};

use super::cases::{Body, Case, Request};

/// A registry, and what stands for the names in a case: `{s}` and `{t}` are subjects that nobody else uses, `{id}` is the id that the first registration of
/// the case has given, `{n}` a name for a schema that nobody else uses.
pub(crate) struct Talk {
    registry: SchemaRegistry,
    names: BTreeMap<&'static str, String>,
}

impl Talk {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let unique = unique_prefix("conformance").replace(['-', '.'], "_");
        let names = BTreeMap::from([
            ("{s}", format!("{unique}s")),
            ("{t}", format!("{unique}t")),
            ("{n}", format!("N{unique}")),
        ]);
        Ok(Self { registry: SchemaRegistry::new(url)?, names })
    }

    /// The answer to the last request. Those before it must succeed; those after it put back what they have changed for all.
    pub(crate) fn answer(mut self, case: &Case) -> Result<String> {
        let Some((last, before)) = case.requests.split_last() else { bail!("no request") };
        for request in before {
            let (status, body) = self.send(request)?;
            if status != 200 {
                return Ok(format!("{} {}: {}", request.method, request.path, told(status, &body, "", "")));
            }
        }
        let (status, body) = self.send(last)?;
        let answer = self.anonymous(told(status, &body, case.shown, &self.named("{s}")));
        for request in &case.afterwards {
            self.send(request)?;
        }
        Ok(answer)
    }

    fn send(&mut self, request: &Request) -> Result<(u16, Value)> {
        let body = match &request.body {
            Body::None => None,
            Body::Schema(schema) => Some(json!({ "schema": self.named(schema) })),
            Body::Json(text) => Some(serde_json::from_str(&self.named(text))?),
        };
        let (status, body) = self.registry.request(request.method, &self.named(&request.path), body.as_ref())?;
        if let (200, Some(id)) = (status, body["id"].as_u64())
            && !self.names.contains_key("{id}")
        {
            self.names.insert("{id}", id.to_string());
        }
        Ok((status, body))
    }

    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// The other way round, so that answers of different registries can be compared.
    fn anonymous(&self, text: String) -> String {
        self.names.iter().fold(text, |text, (name, value)| match *name {
            // A number may be part of another one.
            "{id}" => text.replace(&format!("\"id\":{value}"), "\"id\":{id}"),
            name => text.replace(value, name),
        })
    }
}

/// For a list: whether the subject of the case is in it.
const IS_IN_IT: &str = "{s} is in it";

/// The status with the error code, or with the part of the body that the case looks at.
fn told(status: u16, body: &Value, shown: &str, subject: &str) -> String {
    match &body["error_code"] {
        Value::Number(code) if status >= 400 => format!("{status} {code}"),
        _ if status >= 400 => format!("{status} without a code"),
        _ if shown == "-" => status.to_string(),
        _ if shown == IS_IN_IT => {
            let holds = body.as_array().is_some_and(|list| list.iter().any(|member| member == subject));
            format!("{status} {holds}")
        }
        _ if shown == "alone" && body.as_array().is_some_and(|list| list.len() > 1) => {
            format!("{status} with others")
        }
        _ if shown == "alone" => format!("{status} {body}"),
        _ => match body.pointer(shown) {
            Some(value) => format!("{status} {}", sorted(value)),
            None => format!("{status} without `{shown}`"),
        },
    }
}

/// Objects have no order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            Value::Object(members.into_iter().collect())
        }
        other => other.clone(),
    }
}
