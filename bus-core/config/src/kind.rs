//! Kinds of values: how a written value is read and what it must be like.

use barid_mistake::nearest;

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Letters, digits, `.`, `_`, `-`; part of names that Kafka keeps.
    Name,
    /// As `Name`, and may be empty.
    Prefix,
    /// Free text.
    Text,
    /// `host:port`, several with commas; a list in the file.
    Servers,
    /// `host:port` to listen at.
    Address,
    /// An `http://` or `https://` address without credentials.
    Url,
    /// A file.
    Path,
    /// A whole number from the first to the second.
    Whole(u64, u64),
    /// A number from 0 to 1.
    Ratio,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A secret: from the environment only.
    Secret,
    /// A table of librdkafka properties.
    Properties,
    /// A table from librdkafka property to the file that holds its secret value.
    SecretFiles,
}

/// A value as the file, the environment or a flag gives it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
    List(Vec<String>),
    /// Something that no setting is: a date, a table where none belongs. Holds its TOML name.
    Other(&'static str),
}

/// A value that is as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Whole(u64),
    Ratio(f64),
}

/// Why a value is not as it should be, and what would be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) cure: Option<String>,
}

impl Fault {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cure: None }
    }

    fn cure(self, cure: impl Into<String>) -> Self {
        Self { cure: Some(cure.into()), ..self }
    }
}

impl Kind {
    /// What is expected, for the reference page and for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Kind::Name => "name".to_owned(),
            Kind::Prefix => "prefix".to_owned(),
            Kind::Text => "text".to_owned(),
            Kind::Servers => "`host:port`, several with commas or as a list".to_owned(),
            Kind::Address => "`host:port`".to_owned(),
            Kind::Url => "`http://` or `https://` address".to_owned(),
            Kind::Path => "path of a file".to_owned(),
            Kind::Whole(least, most) => format!("whole number from {least} to {most}"),
            Kind::Ratio => "number from 0 to 1".to_owned(),
            Kind::Word(words) => quoted(words),
            Kind::Secret => "secret, from the environment only".to_owned(),
            Kind::Properties => "table of librdkafka properties".to_owned(),
            Kind::SecretFiles => "table: librdkafka property = path of a file".to_owned(),
        }
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self, Kind::Properties | Kind::SecretFiles)
    }

    /// Checks a value. A secret is never repeated in a fault.
    pub(crate) fn check(&self, raw: &Raw) -> Result<Value, Fault> {
        match self {
            Kind::Whole(least, most) => whole(raw, *least, *most),
            Kind::Ratio => ratio(raw),
            Kind::Properties => property(raw),
            Kind::Servers => servers(raw),
            kind => {
                let text = match raw {
                    Raw::Text(text) => text.as_str(),
                    _ => return Err(Fault::new(format!("is {}, but must be {}", raw.name(), kind.describe()))),
                };
                kind.check_text(text).map(|()| Value::Text(text.to_owned()))
            }
        }
    }

    fn check_text(&self, text: &str) -> Result<(), Fault> {
        if text.is_empty() && *self != Kind::Prefix {
            return Err(Fault::new("is empty"));
        }
        match self {
            Kind::Name | Kind::Prefix => name(text),
            Kind::Address => address(text),
            Kind::Url => url(text),
            Kind::Word(words) => word(text, words),
            _ => Ok(()),
        }
    }
}

impl Raw {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Raw::Text(_) => "text",
            Raw::Whole(_) => "a whole number",
            Raw::Number(_) => "a number with a fraction",
            Raw::Truth(_) => "true or false",
            Raw::List(_) => "a list",
            Raw::Other(name) => name,
        }
    }
}

fn whole(raw: &Raw, least: u64, most: u64) -> Result<Value, Fault> {
    let number = match raw {
        Raw::Whole(number) => u64::try_from(*number).ok(),
        Raw::Text(text) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if (least..=most).contains(&number) => Ok(Value::Whole(number)),
        Some(number) => Err(Fault::new(format!("is `{number}`, but must be from {least} to {most}"))),
        None => Err(Fault::new(format!("must be a whole number from {least} to {most}"))),
    }
}

fn ratio(raw: &Raw) -> Result<Value, Fault> {
    let number = match raw {
        #[expect(clippy::cast_precision_loss, reason = "only 0 and 1 are in range")]
        Raw::Whole(number) => Some(*number as f64),
        Raw::Number(number) => Some(*number),
        Raw::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if (0.0..=1.0).contains(&number) => Ok(Value::Ratio(number)),
        _ => Err(Fault::new("must be a number from 0 to 1")),
    }
}

fn property(raw: &Raw) -> Result<Value, Fault> {
    match raw {
        Raw::Text(text) => Ok(Value::Text(text.clone())),
        Raw::Whole(number) => Ok(Value::Text(number.to_string())),
        Raw::Number(number) => Ok(Value::Text(number.to_string())),
        Raw::Truth(truth) => Ok(Value::Text(truth.to_string())),
        other => Err(Fault::new(format!("is {}, but must be text, a number, or true or false", other.name()))),
    }
}

fn servers(raw: &Raw) -> Result<Value, Fault> {
    let servers: Vec<&str> = match raw {
        Raw::Text(text) => text.split(',').map(str::trim).collect(),
        Raw::List(list) => list.iter().map(|server| server.trim()).collect(),
        other => return Err(Fault::new(format!("is {}, but must be {}", other.name(), Kind::Servers.describe()))),
    };
    if servers.is_empty() || servers.contains(&"") {
        return Err(
            Fault::new("names no server, or has a comma too many").cure("write it as `kafka1:9092,kafka2:9092`")
        );
    }
    for server in &servers {
        let host_and_port = server.rsplit_once("://").map_or(*server, |(_, rest)| rest);
        host_port(host_and_port, 9092)?;
    }
    Ok(Value::Text(servers.join(",")))
}

fn name(text: &str) -> Result<(), Fault> {
    let wrong = text.chars().find(|letter| !letter.is_ascii_alphanumeric() && !matches!(letter, '.' | '_' | '-'));
    match wrong {
        Some(letter) => Err(Fault::new(format!("is `{text}`, but `{letter}` does not belong in a name"))
            .cure("use the letters a to z, digits, `.`, `_` and `-`")),
        None => Ok(()),
    }
}

fn address(text: &str) -> Result<(), Fault> {
    if text.contains("://") {
        return Err(Fault::new(format!("is `{text}`, but is an address to listen at, without a scheme"))
            .cure("write it as `127.0.0.1:9464`"));
    }
    host_port(text, 9464)
}

/// Checks one `host:port`; the customary port is for the cure.
fn host_port(text: &str, customary: u16) -> Result<(), Fault> {
    if let Some((host, port)) = text.rsplit_once(':')
        && !host.is_empty()
        && port.parse::<u16>().is_ok()
    {
        return Ok(());
    }
    let meant = if text.parse::<u16>().is_ok() {
        format!("127.0.0.1:{text}")
    } else {
        let host = text.split(':').next().filter(|host| !host.is_empty()).unwrap_or("host");
        format!("{host}:{customary}")
    };
    Err(Fault::new(format!("has `{text}`, which is not `host:port`"))
        .cure(format!("write it as `{meant}`, if that is the port")))
}

fn url(text: &str) -> Result<(), Fault> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        // The address is not repeated: it holds a password.
        return Err(Fault::new("has a user or password in the address")
            .cure("leave them out; for the registry set `registry.user` and `registry.password_file`"));
    }
    if !matches!(scheme, "http" | "https") {
        return Err(Fault::new(format!("is `{text}`, but has no scheme `http://` or `https://`"))
            .cure(format!("write it as `http://{rest}`")));
    }
    if host.is_empty() {
        return Err(Fault::new(format!("is `{text}`, but names no host")));
    }
    Ok(())
}

fn word(text: &str, words: &[&str]) -> Result<(), Fault> {
    if words.contains(&text) {
        return Ok(());
    }
    let fault = Fault::new(format!("is `{text}`, but must be one of {}", quoted(words)));
    Err(match nearest(text, words.iter().copied()) {
        Some(meant) => fault.cure(format!("did you mean `{meant}`?")),
        None => fault,
    })
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
