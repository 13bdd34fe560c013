//! Whether a schema may follow others, at one of Confluent's seven levels.
//!
//! The comparison is apache-avro's. Two things are done around it. First, a name that refers to a record defined earlier in the schema is
//! replaced by the definition (as far as it does not contain itself), because the comparison takes a definition and a reference to
//! it for two types; which of two fields comes first must not decide. Second, *partly* compatible counts as incompatible, as Confluent counts
//! it: an enum that lost a symbol reads most data, and fails on the rest.

use std::fmt;
use std::str::FromStr;

use apache_avro::Schema;
use apache_avro::error::CompatibilityError;
use apache_avro::schema::{
    ArraySchema, MapSchema, Name, NamesRef, RecordField, RecordSchema, ResolvedSchema, UnionSchema,
};
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};

/// A schema that grows beyond this when its names are replaced by definitions is refused: a few lines in which each
/// record holds the one before twice grow to the size of memory.
const MOST_NODES: usize = 100_000;

/// How a schema must get along with the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    None,
    Backward,
    BackwardTransitive,
    Forward,
    ForwardTransitive,
    Full,
    FullTransitive,
}

const LEVELS: &[(&str, Level)] = &[
    ("NONE", Level::None),
    ("BACKWARD", Level::Backward),
    ("BACKWARD_TRANSITIVE", Level::BackwardTransitive),
    ("FORWARD", Level::Forward),
    ("FORWARD_TRANSITIVE", Level::ForwardTransitive),
    ("FULL", Level::Full),
    ("FULL_TRANSITIVE", Level::FullTransitive),
];

impl Level {
    fn is_transitive(self) -> bool {
        matches!(self, Level::BackwardTransitive | Level::ForwardTransitive | Level::FullTransitive)
    }

    /// The new schema must read data that was written with an earlier one.
    fn is_backward(self) -> bool {
        matches!(self, Level::Backward | Level::BackwardTransitive | Level::Full | Level::FullTransitive)
    }

    /// An earlier schema must read data that is written with the new one.
    fn is_forward(self) -> bool {
        matches!(self, Level::Forward | Level::ForwardTransitive | Level::Full | Level::FullTransitive)
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, level)| *level).ok_or(())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(LEVELS.iter().find(|(_, level)| level == self).map_or("NONE", |(name, _)| *name))
    }
}

/// What stands between a new schema and the earlier ones (version and schema, oldest first); nothing when it may follow them. An earlier one without a
/// schema is one that cannot be read here.
pub(crate) fn differences(level: Level, new: &Schema, earlier: &[(u32, Option<&Schema>)]) -> Vec<String> {
    let compared = match earlier {
        _ if level == Level::None => return Vec::new(),
        [] => return Vec::new(),
        [.., last] if !level.is_transitive() => std::slice::from_ref(last),
        all => all,
    };
    let new = match expand(new) {
        Ok(new) => new,
        Err(reason) => return vec![reason],
    };
    let mut found = Vec::new();
    // The newest first: that is the one whose difference an author looks for.
    for (version, earlier) in compared.iter().rev() {
        let Some(earlier) = earlier else {
            found.push(format!("version {version} is no Avro schema that this registry can compare with"));
            continue;
        };
        let earlier = match expand(earlier) {
            Ok(earlier) => earlier,
            Err(reason) => {
                found.push(format!("version {version}: {reason}"));
                continue;
            }
        };
        if level.is_backward()
            && let Some(reason) = cannot_read(&earlier, &new)
        {
            found.push(format!("the new schema cannot read data of version {version}: {reason}"));
        }
        if level.is_forward()
            && let Some(reason) = cannot_read(&new, &earlier)
        {
            found.push(format!("version {version} cannot read data of the new schema: {reason}"));
        }
    }
    found
}

fn cannot_read(writer: &Schema, reader: &Schema) -> Option<String> {
    match SchemaCompatibility::can_read(writer, reader) {
        Ok(Compatibility::Full) => None,
        Ok(Compatibility::Partial) => {
            Some("it could read a part of the data only; a symbol or a branch of a union is missing".to_owned())
        }
        Err(error) => Some(explain(&error)),
    }
}

/// Which field, and why. The error itself shows both schemas whole, over hundreds of lines.
fn explain(error: &CompatibilityError) -> String {
    match error {
        CompatibilityError::FieldTypeMismatch(field, cause) => format!("field `{field}`: {}", explain(cause)),
        CompatibilityError::MissingDefaultValue(field) => format!("field `{field}` is new and has no default"),
        CompatibilityError::WrongType { writer_schema_type, reader_schema_type } => {
            format!("{} cannot be read as {}", kind(writer_schema_type), kind(reader_schema_type))
        }
        other => other.to_string(),
    }
}

/// The kind of a schema out of its Debug text.
fn kind(debug: &str) -> String {
    debug.chars().take_while(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
}

/// The schema with names replaced by definitions.
fn expand(schema: &Schema) -> Result<Schema, String> {
    let resolved = ResolvedSchema::new(schema).map_err(|error| error.to_string())?;
    let mut expansion = Expansion { names: resolved.get_names(), within: Vec::new(), nodes: 0 };
    expansion.of(schema)
}

struct Expansion<'s> {
    names: &'s NamesRef<'s>,
    /// The records that are being replaced: a record inside itself stays a name.
    within: Vec<Name>,
    nodes: usize,
}

impl Expansion<'_> {
    fn of(&mut self, schema: &Schema) -> Result<Schema, String> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(format!("it has more than {MOST_NODES} parts when its names are replaced by what they mean"));
        }
        Ok(match schema {
            Schema::Array(array) => {
                Schema::Array(ArraySchema { items: Box::new(self.of(&array.items)?), ..array.clone() })
            }
            Schema::Map(map) => Schema::Map(MapSchema { types: Box::new(self.of(&map.types)?), ..map.clone() }),
            Schema::Union(union) => {
                let variants: Result<Vec<_>, _> = union.variants().iter().map(|variant| self.of(variant)).collect();
                Schema::Union(UnionSchema::new(variants?).map_err(|error| error.to_string())?)
            }
            Schema::Record(record) => Schema::Record(self.record(record)?),
            Schema::Ref { name } if !self.within.contains(name) => match self.names.get(name) {
                Some(Schema::Record(record)) => Schema::Record(self.record(record)?),
                Some(definition) => (*definition).clone(),
                None => schema.clone(),
            },
            other => other.clone(),
        })
    }

    fn record(&mut self, record: &RecordSchema) -> Result<RecordSchema, String> {
        self.within.push(record.name.clone());
        let fields: Result<Vec<_>, String> = record
            .fields
            .iter()
            .map(|field| Ok(RecordField { schema: self.of(&field.schema)?, ..field.clone() }))
            .collect();
        self.within.pop();
        Ok(RecordSchema { fields: fields?, ..record.clone() })
    }
}
