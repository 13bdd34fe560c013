//! From a writer schema to a [`Walk`].

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, RecordField, RecordSchema, ResolvedSchema, UuidSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use barid_schemas::Group;
use barid_schemas::case_event::FULL_NAME;

use crate::CompileError;
use crate::plan::{Builder, Node, NodeId, Parts};
use crate::walk::{DecisionField, DecisionRole, Field, MAX_FIELDS, Nullable, Nulls, Role, Walk};
use crate::write;

/// The fields that routing or a coarse view cannot do without.
const REQUIRED: [&str; 9] = [
    "event_id",
    "corr_id",
    "publisher",
    "service_code",
    "status_to",
    "occurred_at",
    "utc_offset_minutes",
    "precision",
    "view",
];

pub(crate) fn compile(avsc: &str) -> Result<Walk, CompileError> {
    let root = Schema::parse_str(avsc).map_err(unreadable)?;
    let resolved = ResolvedSchema::new(&root).map_err(unreadable)?;
    let Schema::Record(record) = &root else { return Err(CompileError::NotCaseEvent) };
    if record.name.fullname(None) != FULL_NAME {
        return Err(CompileError::NotCaseEvent);
    }
    let count = record.fields.len();
    if count > MAX_FIELDS {
        return Err(CompileError::TooManyFields { count, limit: MAX_FIELDS });
    }
    if let Some(field) = REQUIRED.into_iter().find(|name| record.fields.iter().all(|field| field.name != *name)) {
        return Err(CompileError::MissingField { field });
    }
    let mut builder = Builder::new(resolved.get_names());
    builder.open(FULL_NAME.to_owned());
    let mut compiler = Compiler { root: &root, record, resolved: &resolved, builder };
    let mut fields = Vec::with_capacity(count);
    let mut decision = Vec::new();
    for field in &record.fields {
        let compiled = compiler.field(field)?;
        if let Role::Group { group: Group::Decision, fields: parts, .. } = compiled.role {
            decision = compiler.decision(field, parts)?;
        }
        fields.push(compiled);
    }
    Ok(Walk { plan: compiler.builder.finish(), fields, decision })
}

fn unreadable(error: apache_avro::Error) -> CompileError {
    CompileError::Schema(error.to_string())
}

struct Compiler<'s> {
    root: &'s Schema,
    record: &'s RecordSchema,
    resolved: &'s ResolvedSchema<'s>,
    builder: Builder<'s>,
}

impl<'s> Compiler<'s> {
    fn field(&mut self, field: &'s RecordField) -> Result<Field, CompileError> {
        let node = self.builder.add(&field.schema, self.record.name.namespace(), &field.name, 0)?;
        let role = self.role(field, node)?;
        let left_out = match role {
            Role::County(_) | Role::StatusFrom(_) | Role::Group { .. } | Role::UnknownGroup { .. } | Role::Other => {
                self.left_out(&field.name, field, node)?
            }
            _ => Box::default(),
        };
        Ok(Field { name: field.name.as_str().into(), node, role, left_out })
    }

    fn role(&self, field: &'s RecordField, node: NodeId) -> Result<Role, CompileError> {
        let name = field.name.as_str();
        Ok(match name {
            "event_id" => self.text(field, Role::EventId)?,
            "corr_id" => self.text(field, Role::CorrId)?,
            "publisher" => self.text(field, Role::Publisher)?,
            "service_code" => self.text(field, Role::ServiceCode)?,
            "status_to" => self.text(field, Role::StatusTo)?,
            "county" => Role::County(self.nullable(name, &field.schema, is_text, NULLABLE_TEXT)?),
            "status_from" => Role::StatusFrom(self.nullable(name, &field.schema, is_text, NULLABLE_TEXT)?),
            "occurred_at" => match self.deref(&field.schema) {
                // Micros would be read as millis: every other unit of time is refused.
                Schema::Long | Schema::TimestampMillis => Role::OccurredAt,
                _ => return Err(wrong(name, "a long of milliseconds")),
            },
            "utc_offset_minutes" => match self.deref(&field.schema) {
                Schema::Int => Role::UtcOffset,
                _ => return Err(wrong(name, "an int")),
            },
            "precision" => Role::Precision { symbols: self.symbols(field, "an enum")?.symbols.len() as u32 },
            "view" => {
                const EXPECTED: &str = "an enum with the symbols `exact` and `coarse`";
                let view = self.symbols(field, EXPECTED)?;
                let index = |symbol: &str| view.symbols.iter().position(|known| known == symbol);
                let (Some(exact), Some(coarse)) = (index("exact"), index("coarse")) else {
                    return Err(wrong(name, EXPECTED));
                };
                Role::View { symbols: view.symbols.len() as u32, exact: exact as i32, coarse: coarse as i32 }
            }
            _ => match Group::from_field_name(name) {
                Some(group) => self.group(field, group, node)?,
                None if self.builder.is_composite(node) => Role::UnknownGroup { null: self.null_branch(&field.schema) },
                None => Role::Other,
            },
        })
    }

    fn group(&self, field: &'s RecordField, group: Group, node: NodeId) -> Result<Role, CompileError> {
        const EXPECTED: &str = "a union of null and a record";
        let is_record = |schema: &Schema| matches!(schema, Schema::Record(_));
        let branches = self.nullable(&field.name, &field.schema, is_record, EXPECTED)?;
        let record = match self.builder.node(node) {
            Node::Union(parts) => self.builder.node(self.builder.parts(parts)[branches.value() as usize].node),
            other => other,
        };
        let fields = match record {
            Node::Record(fields) => fields,
            // A record whose values take no byte.
            _ => Parts { first: 0, count: 0 },
        };
        let relying_agency = match (group, self.record_of(&field.schema, branches)) {
            (Group::Identity, Some(record)) => {
                let place = record.fields.iter().position(|inner| inner.name == "relying_agency");
                place
                    .map(|index| {
                        let schema = &record.fields[index].schema;
                        let branches = self.nullable("identity.relying_agency", schema, is_text, NULLABLE_TEXT)?;
                        Ok((index as u32, branches))
                    })
                    .transpose()?
            }
            _ => None,
        };
        Ok(Role::Group { group, branches, fields, relying_agency })
    }

    /// The fields of group `decision`.
    fn decision(&self, field: &'s RecordField, parts: Parts) -> Result<Vec<DecisionField>, CompileError> {
        let branches = self.nullable(&field.name, &field.schema, |_| true, "a union of null and a record")?;
        let Some(record) = self.record_of(&field.schema, branches) else { return Ok(Vec::new()) };
        let mut fields = Vec::with_capacity(record.fields.len());
        for (inner, part) in record.fields.iter().zip(self.builder.parts(parts)) {
            let name = format!("{}.{}", field.name, inner.name);
            let role = match inner.name.as_str() {
                "decision" => DecisionRole::Decision(self.nullable(&name, &inner.schema, is_text, NULLABLE_TEXT)?),
                "decision_date" | "valid_until" => {
                    let is_date = |schema: &Schema| matches!(schema, Schema::Date | Schema::Int);
                    DecisionRole::Date(self.nullable(&name, &inner.schema, is_date, "a union of null and date")?)
                }
                _ => DecisionRole::Other,
            };
            fields.push(DecisionField { node: part.node, role, left_out: self.left_out(&name, inner, part.node)? });
        }
        Ok(fields)
    }

    /// The record of a union of null and a record.
    fn record_of(&self, schema: &'s Schema, branches: Nullable) -> Option<&'s RecordSchema> {
        let Schema::Union(union) = self.deref(schema) else { return None };
        match self.deref(union.variants().get(branches.value() as usize)?) {
            Schema::Record(record) => Some(record),
            _ => None,
        }
    }

    /// What stands for a field that a view leaves out: null if it can be null, else its default.
    fn left_out(&self, name: &str, field: &RecordField, node: NodeId) -> Result<Box<[u8]>, CompileError> {
        let cannot = || CompileError::CannotWithhold { field: name.to_owned() };
        let mut bytes = Vec::new();
        if matches!(self.builder.node(node), Node::Nothing) {
            return Ok(Box::default());
        }
        if let Some(nulls) = self.null_branch(&field.schema) {
            write::long(i64::from(nulls.null), &mut bytes);
            return Ok(bytes.into());
        }
        let default = field.default.clone().ok_or_else(cannot)?;
        let value = Value::try_from(default)
            .and_then(|value| value.resolve_with_names(&field.schema, self.resolved.get_names()))
            .map_err(|_| cannot())?;
        let bytes = GenericDatumWriter::builder(&field.schema)
            .schemata(vec![self.root])
            .and_then(|builder| builder.build())
            .and_then(|writer| writer.write_value_to_vec(value))
            .map_err(|_| cannot())?;
        Ok(bytes.into())
    }

    fn text(&self, field: &RecordField, role: Role) -> Result<Role, CompileError> {
        if is_text(self.deref(&field.schema)) { Ok(role) } else { Err(wrong(&field.name, "a string")) }
    }

    fn symbols(&self, field: &'s RecordField, expected: &'static str) -> Result<&'s EnumSchema, CompileError> {
        match self.deref(&field.schema) {
            Schema::Enum(symbols) => Ok(symbols),
            _ => Err(wrong(&field.name, expected)),
        }
    }

    /// The branches of a union of null and one type that `accepts`.
    fn nullable(
        &self,
        name: &str,
        schema: &'s Schema,
        accepts: impl Fn(&Schema) -> bool,
        expected: &'static str,
    ) -> Result<Nullable, CompileError> {
        if let Schema::Union(union) = self.deref(schema)
            && let [first, second] = union.variants()
        {
            if matches!(first, Schema::Null) && accepts(self.deref(second)) {
                return Ok(Nullable { null: 0 });
            }
            if matches!(second, Schema::Null) && accepts(self.deref(first)) {
                return Ok(Nullable { null: 1 });
            }
        }
        Err(wrong(name, expected))
    }

    /// Which branch of a union is null.
    fn null_branch(&self, schema: &'s Schema) -> Option<Nulls> {
        let Schema::Union(union) = self.deref(schema) else { return None };
        let null = union.variants().iter().position(|branch| matches!(branch, Schema::Null))?;
        Some(Nulls { branches: union.variants().len() as u32, null: null as u32 })
    }

    /// The type behind a reference. All named types of a parsed schema have their full name in it.
    fn deref(&self, schema: &'s Schema) -> &'s Schema {
        match schema {
            Schema::Ref { name } => {
                let name = name.fully_qualified_name(self.record.name.namespace());
                self.resolved.get_names().get(name.as_ref()).copied().unwrap_or(schema)
            }
            other => other,
        }
    }
}

const NULLABLE_TEXT: &str = "a union of null and string";

fn is_text(schema: &Schema) -> bool {
    matches!(schema, Schema::String | Schema::Uuid(UuidSchema::String))
}

fn wrong(field: &str, expected: &'static str) -> CompileError {
    CompileError::WrongType { field: field.to_owned(), expected }
}
