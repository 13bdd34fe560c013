//! The client of the schema registry, with blocking calls.
//!
//! Roles run on threads of their own and the HTTP client is asynchronous: so [`Registry`] has a small runtime inside, hands
//! each question to it, and waits on a channel. Waiting on a channel never panics, whatever thread it is done on; blocking
//! on a runtime from within another one would.
//!
//! Schemas, ids and registering go through `schema_registry_converter`; what it has no call for (compatibility, its
//! setting) goes through the same HTTP library. Of its two layers the one without a cache is used: a schema that was found is
//! kept here until somebody forgets it, and an error is never kept, so that the next try is a try.
//!
//! It asks the registry directly: proxy settings of the environment are not looked at.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_schema_by_id, perform_sr_call, post_schema,
};
use schema_registry_converter::schema_registry_common::{SchemaType, SrCall, SuppliedSchema};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::registry::answer::{Answer, Asked};
use crate::{RegistryError, SettingsError};

mod answer;

/// The longest that one call waits. A router stands still meanwhile, and tries again anyway.
pub const TIME_LIMIT: Duration = Duration::from_secs(3);

/// What the runtime gets beyond [`TIME_LIMIT`] to say itself that time is up.
const GRACE: Duration = Duration::from_millis(500);

/// How soon it is noticed that nobody waits any more.
const LOOK: Duration = Duration::from_millis(25);

/// The compatibility that every subject of the bus has: any version reads what any other wrote.
pub const FULL_TRANSITIVE: &str = "FULL_TRANSITIVE";

/// Where writer schemas come from.
pub trait Schemas: Send + Sync {
    /// The schema with this id, as JSON.
    ///
    /// # Errors
    /// [`RegistryError::UnknownId`] or [`RegistryError::Unavailable`]: the caller pauses and asks again.
    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError>;

    /// Forgets the schema with this id if it was kept. An id never changes its meaning while a registry keeps its memory;
    /// one that lost it counts from 1 again. So who finds that a kept schema does not fit forgets it and asks once more
    /// before giving up.
    fn forget(&self, _id: u32) {}
}

/// Where the registry is and how it is asked.
#[derive(Debug, Clone)]
pub struct RegistrySettings {
    /// Such as `http://registry:8081` or, for Apicurio, `http://registry:8080/apis/ccompat/v7`; without credentials.
    pub url: String,
    pub basic_auth: Option<BasicAuth>,
}

/// A user name and its password.
#[derive(Clone)]
pub struct BasicAuth {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BasicAuth(..)")
    }
}

/// The registry, asked with blocking calls from any thread.
pub struct Registry {
    url: String,
    base: reqwest::Url,
    basic_auth: Option<BasicAuth>,
    client: reqwest::Client,
    converter: SrSettings,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    found: RwLock<HashMap<u32, Arc<str>>>,
    /// Whether nobody wants an answer any more.
    given_up: Option<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registry").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, and panics on a thread of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Registry {
    /// Builds the client; asks nothing yet.
    ///
    /// # Errors
    /// The settings do not do.
    pub fn new(settings: RegistrySettings) -> Result<Self, SettingsError> {
        let url = settings.url.trim().trim_end_matches('/').to_owned();
        let base = reqwest::Url::parse(&url).map_err(|error| SettingsError::Url { reason: error.to_string() })?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(SettingsError::Url { reason: "it must begin with `http://` or `https://`".into() });
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(SettingsError::CredentialsInUrl);
        }
        let failed = |reason: String| SettingsError::Client { reason };
        let mut converter = SrSettings::new_builder(url.clone());
        converter.set_timeout(TIME_LIMIT).no_proxy();
        if let Some(BasicAuth { username, password }) = &settings.basic_auth {
            converter.set_basic_authorization(username, Some(password));
        }
        let converter = converter.build().map_err(|error| failed(error.to_string()))?;
        let client = reqwest::Client::builder()
            .timeout(TIME_LIMIT)
            .no_proxy()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("registry-client")
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            url,
            base,
            basic_auth: settings.basic_auth,
            client,
            converter,
            runtime: Some(runtime),
            found: RwLock::default(),
            given_up: None,
        })
    }

    /// The same registry, but a question that is being waited for is given up as soon as `given_up` says so (a role is told to end); it then counts as one that
    /// was not answered. Otherwise a wait is bounded by [`TIME_LIMIT`] alone.
    #[must_use]
    pub fn until(mut self, given_up: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.given_up = Some(Box::new(given_up));
        self
    }

    /// The registry's address, without a slash at its end and without credentials.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Registers a schema and gives its id; a schema that is registered already keeps its id.
    ///
    /// # Errors
    /// [`RegistryError::Incompatible`], [`RegistryError::Refused`] or [`RegistryError::Unavailable`].
    pub fn register(&self, subject: &str, avsc: &str) -> Result<u32, RegistryError> {
        let converter = self.converter.clone();
        let supplied = SuppliedSchema::new(Some(subject.to_owned()), SchemaType::Avro, avsc.to_owned());
        let owned = subject.to_owned();
        let answer = self.wait(async move { Ok(post_schema(&converter, owned, supplied).await?.id) });
        answer.map_err(|answer| answer.into_error(&self.url, Asked::Schema(subject)))
    }

    /// Registers the schemas of all records of the bus, always in the same order. Whoever registers any of them calls this
    /// first: a registry that lost its memory counts its ids anew, and so each schema gets the id that it had.
    ///
    /// # Errors
    /// As [`Registry::register`].
    pub fn register_records(&self) -> Result<(), RegistryError> {
        barid_schemas::records::all()
            .into_iter()
            .try_for_each(|(subject, avsc)| self.register(subject, avsc).map(|_| ()))
    }

    /// The id of this very schema under `subject`, if it is registered. Changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] or [`RegistryError::Unavailable`].
    pub fn registered(&self, subject: &str, avsc: &str) -> Result<Option<u32>, RegistryError> {
        let converter = self.converter.clone();
        let (owned, body) = (subject.to_owned(), body(avsc));
        let answer = self.wait(async move {
            let call = SrCall::PostForVersion(&owned, &body);
            perform_sr_call(&converter, call).await?.id.ok_or_else(|| Answer::broken("it holds no schema id"))
        });
        match answer {
            Ok(id) => Ok(Some(id)),
            Err(answer) if answer.is_not_found() => Ok(None),
            Err(answer) => Err(answer.into_error(&self.url, Asked::Schema(subject))),
        }
    }

    /// Asks whether the schema could be registered. Changes nothing. A subject that has no schema yet takes any.
    ///
    /// # Errors
    /// [`RegistryError::Incompatible`] if not, [`RegistryError::Refused`] or [`RegistryError::Unavailable`].
    pub fn check_compatible(&self, subject: &str, avsc: &str) -> Result<(), RegistryError> {
        #[derive(Deserialize)]
        struct Verdict {
            is_compatible: bool,
            #[serde(default)]
            messages: Vec<String>,
        }
        let mut url = self.path(&["compatibility", "subjects", subject, "versions"]);
        url.set_query(Some("verbose=true"));
        let asked = Asked::Schema(subject);
        match self.call::<Verdict>(self.client.post(url).body(body(avsc))) {
            Ok(Verdict { is_compatible: true, .. }) => Ok(()),
            Ok(Verdict { messages, .. }) => {
                let reason = if messages.is_empty() { "it gives no reason".to_owned() } else { messages.join("; ") };
                Err(RegistryError::Incompatible { subject: subject.to_owned(), reason })
            }
            Err(answer) if answer.is_not_found() => Ok(()),
            Err(answer) => Err(answer.into_error(&self.url, asked)),
        }
    }

    /// The compatibility that is set for `subject` itself; `None` if the registry's own setting counts.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] or [`RegistryError::Unavailable`].
    pub fn compatibility(&self, subject: &str) -> Result<Option<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Level {
            #[serde(rename = "compatibilityLevel", alias = "compatibility")]
            level: String,
        }
        match self.call::<Level>(self.client.get(self.path(&["config", subject]))) {
            Ok(Level { level }) => Ok(Some(level)),
            Err(answer) if answer.is_not_found() => Ok(None),
            Err(answer) => Err(answer.into_error(&self.url, Asked::Setting(subject))),
        }
    }

    /// Sets `FULL_TRANSITIVE` for `subject` if another or no setting is there; tells whether it changed anything.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] or [`RegistryError::Unavailable`].
    pub fn ensure_full_transitive(&self, subject: &str) -> Result<bool, RegistryError> {
        #[derive(Serialize)]
        struct Wanted {
            compatibility: &'static str,
        }
        if self.compatibility(subject)?.as_deref() == Some(FULL_TRANSITIVE) {
            return Ok(false);
        }
        let body = serde_json::json!(Wanted { compatibility: FULL_TRANSITIVE }).to_string();
        self.call::<serde::de::IgnoredAny>(self.client.put(self.path(&["config", subject])).body(body))
            .map_err(|answer| answer.into_error(&self.url, Asked::Setting(subject)))?;
        Ok(true)
    }

    fn path(&self, segments: &[&str]) -> reqwest::Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// A call that the converter has not, over the same HTTP library with the same credentials.
    fn call<T: for<'de> Deserialize<'de> + Send + 'static>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Answer> {
        const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
        let mut request =
            request.header(reqwest::header::CONTENT_TYPE, MEDIA_TYPE).header(reqwest::header::ACCEPT, MEDIA_TYPE);
        if let Some(BasicAuth { username, password }) = &self.basic_auth {
            request = request.basic_auth(username, Some(password));
        }
        self.wait(async move {
            let response = request.send().await?;
            let status = response.status();
            let body = response.bytes().await?;
            if !status.is_success() {
                return Err(Answer::refusal(status.as_u16(), &body));
            }
            serde_json::from_slice(&body).map_err(|_| Answer::broken("it is not the JSON that was asked for"))
        })
    }

    /// Runs a question on the runtime and waits for its answer.
    fn wait<T: Send + 'static>(
        &self,
        question: impl Future<Output = Result<T, Answer>> + Send + 'static,
    ) -> Result<T, Answer> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.is_given_up()) else { return Err(Answer::late()) };
        let (sender, receiver) = sync_channel(1);
        runtime.spawn(async move {
            let answer = tokio::time::timeout(TIME_LIMIT, question).await;
            // Nobody waits any more only if the grace is over too.
            let _ = sender.send(answer.unwrap_or_else(|_| Err(Answer::late())));
        });
        let asked = Instant::now();
        loop {
            let left = (TIME_LIMIT + GRACE).saturating_sub(asked.elapsed());
            let wait = if self.given_up.is_some() { left.min(LOOK) } else { left };
            match receiver.recv_timeout(wait) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) if wait < left && !self.is_given_up() => {}
                Err(_) => return Err(Answer::late()),
            }
        }
    }

    fn is_given_up(&self) -> bool {
        self.given_up.as_ref().is_some_and(|given_up| given_up())
    }
}

impl Schemas for Registry {
    fn schema(&self, id: u32) -> Result<Arc<str>, RegistryError> {
        if let Some(schema) = self.found.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(schema));
        }
        let converter = self.converter.clone();
        let answer = self.wait(async move {
            let found = get_schema_by_id(id, &converter).await?;
            if found.schema_type != SchemaType::Avro {
                return Err(Answer::unusable("it is not an Avro schema"));
            }
            if !found.references.is_empty() {
                return Err(Answer::unusable("it refers to other schemas"));
            }
            Ok(Arc::from(found.schema))
        });
        let schema: Arc<str> = answer.map_err(|answer| answer.into_error(&self.url, Asked::Id(id)))?;
        self.found.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&schema));
        Ok(schema)
    }

    fn forget(&self, id: u32) {
        self.found.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

fn body(avsc: &str) -> String {
    serde_json::json!({ "schema": avsc, "schemaType": "AVRO" }).to_string()
}
