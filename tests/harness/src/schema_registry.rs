//! A plain client of the Confluent API: what a reader that knows nothing of the bus asks a registry.

use std::collections::HashMap;
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use serde_json::{Value as Json, json};

use crate::wait::HANGS_AFTER;

/// Asks one registry, and keeps the schemas that it has given.
#[derive(Debug)]
pub struct SchemaRegistry {
    url: String,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    schemas: Mutex<HashMap<u32, Schema>>,
}

impl SchemaRegistry {
    /// A client for the registry at `url`, with the path of the Confluent API.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            // No connection is kept: the registry may be another process by the next call.
            client: reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(HANGS_AFTER).build()?,
            schemas: Mutex::default(),
        })
    }

    /// Where the registry is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The status and the JSON of a GET.
    pub fn get(&self, path: &str) -> Result<(u16, Json)> {
        self.request("GET", path, None)
    }

    /// The status and the JSON of any request; `Null` if the answer is no JSON.
    pub fn request(&self, method: &str, path: &str, body: Option<&Json>) -> Result<(u16, Json)> {
        let url = format!("{}{path}", self.url);
        let mut request = self.client.request(method.parse()?, &url);
        if let Some(body) = body {
            request = request.header("content-type", "application/vnd.schemaregistry.v1+json").body(body.to_string());
        }
        self.runtime.block_on(async {
            let response = request.send().await.with_context(|| format!("cannot {method} `{url}`"))?;
            let status = response.status().as_u16();
            Ok((status, response.json().await.unwrap_or(Json::Null)))
        })
    }

    /// The subjects, sorted.
    pub fn subjects(&self) -> Result<Vec<String>> {
        let (status, Json::Array(names)) = self.get("/subjects")? else { bail!("no list of subjects") };
        if status != 200 {
            bail!("`/subjects` gives {status}");
        }
        let mut names: Vec<String> = names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// The versions of a subject; none if the registry does not know it.
    pub fn versions(&self, subject: &str) -> Result<Vec<u64>> {
        match self.get(&format!("/subjects/{subject}/versions"))? {
            (200, Json::Array(versions)) => Ok(versions.iter().filter_map(Json::as_u64).collect()),
            (404, _) => Ok(Vec::new()),
            (status, _) => bail!("`{subject}` gives {status}"),
        }
    }

    /// The schema with this id.
    pub fn schema(&self, id: u32) -> Result<Schema> {
        let mut schemas = self.schemas.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        if let Some(schema) = schemas.get(&id) {
            return Ok(schema.clone());
        }
        let (status, body) = self.get(&format!("/schemas/ids/{id}"))?;
        let text =
            body["schema"].as_str().with_context(|| format!("the registry gives {status} for schema id {id}"))?;
        let schema = Schema::parse_str(text).with_context(|| format!("schema id {id}"))?;
        schemas.insert(id, schema.clone());
        Ok(schema)
    }

    /// Registers a schema; its id.
    pub fn register(&self, subject: &str, schema: &str) -> Result<u32> {
        let url = format!("{}/subjects/{subject}/versions", self.url);
        let body = json!({ "schemaType": "AVRO", "schema": schema });
        self.runtime.block_on(async {
            let response = self.client.post(&url).json(&body).send().await?;
            let status = response.status();
            let body: Json = response.json().await?;
            let id = body["id"].as_u64().and_then(|id| u32::try_from(id).ok());
            id.with_context(|| format!("`{subject}` gives {status}: {body}"))
        })
    }

    /// A value in Confluent framing, decoded by apache-avro with the schema that it was written with: the schema id and the
    /// datum.
    pub fn decode(&self, framed: &[u8]) -> Result<(u32, Value)> {
        let Some((&[0, a, b, c, d], datum)) = framed.split_first_chunk::<5>() else {
            bail!("no Confluent framing in a value of {} bytes", framed.len());
        };
        let id = u32::from_be_bytes([a, b, c, d]);
        let mut rest = datum;
        let value = GenericDatumReader::builder(&self.schema(id)?).build()?.read_value(&mut rest)?;
        if !rest.is_empty() {
            bail!("{} bytes after the datum", rest.len());
        }
        Ok((id, value))
    }
}
