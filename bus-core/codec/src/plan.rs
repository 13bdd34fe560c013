//! The types of a writer schema as one flat table.
//!
//! [`Builder`] turns Avro types into [`Node`]s. A node names its parts by their place in the table, and a named type stands
//! there once however often it is referred to: so a table is never larger than its schema, even if every type refers
//! twice to the one before it. A type whose values take no byte at all becomes [`Node::Nothing`] and is never visited: so
//! each visited node stands for at least one byte of the datum, and the walk takes time in proportion to the datum.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, NamesRef, NamespaceRef, UuidSchema};

use crate::CompileError;

/// How deep types may be nested. The walk recurses to this depth; a case event needs 6.
pub(crate) const MAX_DEPTH: usize = 48;

/// The place of a node in [`Plan::nodes`].
pub(crate) type NodeId = u32;

/// One type of the writer schema.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    /// Takes no byte: null, an empty record, a fixed of size 0.
    Nothing,
    Boolean,
    Int,
    Long,
    /// So many bytes of any content: float, double, fixed.
    Raw(u32),
    Bytes,
    Text,
    Enum {
        symbols: u32,
    },
    Union(Parts),
    /// `least` is how many bytes an item takes at least.
    Array {
        item: NodeId,
        least: u32,
    },
    /// `least` is how many bytes key and value take at least.
    Map {
        value: NodeId,
        least: u32,
    },
    Record(Parts),
}

/// A range of [`Plan::parts`]: the branches of a union, the fields of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// A branch of a union (without a name) or a field of a record.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: Box<str>,
    pub(crate) node: NodeId,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    parts: Vec<Part>,
}

impl Plan {
    pub(crate) fn node(&self, id: NodeId) -> Node {
        self.nodes[id as usize]
    }

    pub(crate) fn parts(&self, parts: Parts) -> &[Part] {
        &self.parts[parts.first as usize..][..parts.count as usize]
    }
}

/// What the builder knows of a node beside the node itself.
#[derive(Clone, Copy)]
struct Facts {
    /// How many bytes a value takes at least.
    least: u64,
    /// How many levels of types are below.
    height: usize,
    /// Whether it is made of other types: a record, an array or a map is in it at any depth, or a union of more than null and one other.
    composite: bool,
}

/// Fills a [`Plan`].
pub(crate) struct Builder<'s> {
    names: &'s NamesRef<'s>,
    plan: Plan,
    facts: Vec<Facts>,
    /// Named types by full name; `None` while the type is being built.
    named: HashMap<String, Option<NodeId>>,
}

impl<'s> Builder<'s> {
    pub(crate) fn new(names: &'s NamesRef<'s>) -> Self {
        Self { names, plan: Plan::default(), facts: Vec::new(), named: HashMap::new() }
    }

    pub(crate) fn finish(self) -> Plan {
        self.plan
    }

    pub(crate) fn node(&self, id: NodeId) -> Node {
        self.plan.node(id)
    }

    pub(crate) fn parts(&self, parts: Parts) -> &[Part] {
        self.plan.parts(parts)
    }

    pub(crate) fn is_composite(&self, id: NodeId) -> bool {
        self.facts[id as usize].composite
    }

    /// Marks a named type as being built, so that a reference to it from within is seen.
    pub(crate) fn open(&mut self, full_name: String) {
        self.named.insert(full_name, None);
    }

    /// Adds a type with all that it consists of. `field` names the top-level field, for errors.
    pub(crate) fn add(
        &mut self,
        schema: &'s Schema,
        namespace: NamespaceRef<'_>,
        field: &str,
        depth: usize,
    ) -> Result<NodeId, CompileError> {
        if depth > MAX_DEPTH {
            return Err(too_deep(field));
        }
        match schema {
            Schema::Null => Ok(self.leaf(Node::Nothing, 0)),
            Schema::Boolean => Ok(self.leaf(Node::Boolean, 1)),
            Schema::Int | Schema::Date | Schema::TimeMillis => Ok(self.leaf(Node::Int, 1)),
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Ok(self.leaf(Node::Long, 1)),
            Schema::Float => Ok(self.leaf(Node::Raw(4), 4)),
            Schema::Double => Ok(self.leaf(Node::Raw(8), 8)),
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Ok(self.leaf(Node::Bytes, 1)),
            Schema::String | Schema::Uuid(UuidSchema::String) => Ok(self.leaf(Node::Text, 1)),
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Ok(self.leaf(Node::Bytes, 1)),
                InnerDecimalSchema::Fixed(fixed) => Ok(self.fixed(fixed.size)),
            },
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Ok(self.fixed(fixed.size))
            }
            Schema::Enum(symbols) => {
                let symbols = u32::try_from(symbols.symbols.len()).unwrap_or(u32::MAX);
                Ok(self.leaf(Node::Enum { symbols }, 1))
            }
            Schema::Array(array) => {
                let item = self.add(&array.items, namespace, field, depth + 1)?;
                let facts = self.facts[item as usize];
                let least = u32::try_from(facts.least).unwrap_or(u32::MAX);
                self.push(Node::Array { item, least }, Facts { least: 1, composite: true, ..facts }, field)
            }
            Schema::Map(map) => {
                let value = self.add(&map.types, namespace, field, depth + 1)?;
                let facts = self.facts[value as usize];
                let least = u32::try_from(facts.least.saturating_add(1)).unwrap_or(u32::MAX);
                self.push(Node::Map { value, least }, Facts { least: 1, composite: true, ..facts }, field)
            }
            Schema::Union(union) => {
                let mut branches = Vec::with_capacity(union.variants().len());
                for branch in union.variants() {
                    branches.push((String::new(), self.add(branch, namespace, field, depth + 1)?));
                }
                let mut facts = self.of_all(&branches);
                let cheapest = branches.iter().map(|(_, node)| self.facts[*node as usize].least).min();
                facts.least = cheapest.unwrap_or(0).saturating_add(1);
                let others = branches.iter().filter(|(_, node)| self.facts[*node as usize].least > 0).count();
                facts.composite |= others > 1;
                let parts = self.push_parts(branches);
                self.push(Node::Union(parts), facts, field)
            }
            Schema::Record(record) => {
                let full_name = record.name.fully_qualified_name(namespace).into_owned();
                let key = full_name.fullname(None);
                match self.named.get(&key) {
                    Some(Some(known)) => return Ok(*known),
                    Some(None) => return Err(CompileError::Recursive { name: key }),
                    None => self.open(key.clone()),
                }
                let mut fields = Vec::with_capacity(record.fields.len());
                for inner in &record.fields {
                    let node = self.add(&inner.schema, full_name.namespace(), field, depth + 1)?;
                    fields.push((inner.name.clone(), node));
                }
                let facts = Facts { composite: true, ..self.of_all(&fields) };
                let node = if facts.least == 0 { Node::Nothing } else { Node::Record(self.push_parts(fields)) };
                let id = self.push(node, facts, field)?;
                self.named.insert(key, Some(id));
                Ok(id)
            }
            Schema::Ref { name } => {
                let full_name = name.fully_qualified_name(namespace);
                let Some(schema) = self.names.get(full_name.as_ref()).copied() else {
                    return Err(CompileError::Schema(format!("type `{}` is not defined", full_name.fullname(None))));
                };
                self.add(schema, full_name.namespace(), field, depth + 1)
            }
        }
    }

    fn leaf(&mut self, node: Node, least: u64) -> NodeId {
        self.store(node, Facts { least, height: 0, composite: false })
    }

    fn fixed(&mut self, size: usize) -> NodeId {
        match u32::try_from(size).unwrap_or(u32::MAX) {
            0 => self.leaf(Node::Nothing, 0),
            size => self.leaf(Node::Raw(size), u64::from(size)),
        }
    }

    /// The facts of several parts together, without a level of their own.
    fn of_all(&self, parts: &[(String, NodeId)]) -> Facts {
        let mut all = Facts { least: 0, height: 0, composite: false };
        for (_, node) in parts {
            let facts = self.facts[*node as usize];
            all.least = all.least.saturating_add(facts.least);
            all.height = all.height.max(facts.height);
            all.composite |= facts.composite;
        }
        all
    }

    fn push_parts(&mut self, parts: Vec<(String, NodeId)>) -> Parts {
        let range = Parts { first: self.plan.parts.len() as u32, count: parts.len() as u32 };
        self.plan.parts.extend(parts.into_iter().map(|(name, node)| Part { name: name.into(), node }));
        range
    }

    /// Stores a node one level above what `facts` describes.
    fn push(&mut self, node: Node, mut facts: Facts, field: &str) -> Result<NodeId, CompileError> {
        facts.height += 1;
        if facts.height > MAX_DEPTH {
            return Err(too_deep(field));
        }
        Ok(self.store(node, facts))
    }

    fn store(&mut self, node: Node, facts: Facts) -> NodeId {
        let id = self.plan.nodes.len() as NodeId;
        self.plan.nodes.push(node);
        self.facts.push(facts);
        id
    }
}

fn too_deep(field: &str) -> CompileError {
    CompileError::TooDeep { field: field.to_owned(), limit: MAX_DEPTH }
}
