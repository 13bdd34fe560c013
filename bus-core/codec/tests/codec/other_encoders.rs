//! What encoders write that are not ours: numbers longer than they need to be, arrays in several blocks, with and without
//! sizes.

use apache_avro::Schema;
use apache_avro::schema::{NamesRef, ResolvedSchema};
use apache_avro::types::Value;
use barid_codec::{Walk, view};
use barid_schemas::GroupSet;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::schemas::Writer;
use crate::{model, random, schemas};

/// Encodes as freely as Avro allows, as `choices` say.
pub(crate) fn encode(writer: &Writer, event: &Value, choices: Vec<u8>) -> Vec<u8> {
    let resolved = ResolvedSchema::new(&writer.plain).unwrap();
    let mut encoder = Encoder { choices: choices.into_iter().cycle_or_zero(), names: resolved.get_names() };
    let mut out = Vec::new();
    encoder.value(event, &writer.plain, &mut out);
    out
}

trait CycleOrZero {
    fn cycle_or_zero(self) -> Box<dyn Iterator<Item = u8>>;
}

impl CycleOrZero for std::vec::IntoIter<u8> {
    fn cycle_or_zero(self) -> Box<dyn Iterator<Item = u8>> {
        if self.len() == 0 {
            Box::new(std::iter::repeat(0))
        } else {
            Box::new(self.collect::<Vec<_>>().into_iter().cycle())
        }
    }
}

struct Encoder<'n> {
    choices: Box<dyn Iterator<Item = u8>>,
    names: &'n NamesRef<'n>,
}

impl Encoder<'_> {
    fn choose(&mut self, options: usize) -> usize {
        self.choices.next().unwrap_or(0) as usize % options
    }

    /// A number in at most `limit` bytes.
    fn number(&mut self, number: i64, limit: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let mut rest = ((number << 1) ^ (number >> 63)) as u64;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
        let spare = limit - (out.len() - start);
        // Mostly short, as encoders are.
        for _ in 0..self.choose(3 * spare + 1).saturating_sub(2 * spare) {
            *out.last_mut().unwrap() |= 0x80;
            out.push(0);
        }
    }

    fn blocks<T>(&mut self, items: &[T], out: &mut Vec<u8>, mut item: impl FnMut(&mut Self, &T, &mut Vec<u8>)) {
        let mut rest = items;
        while !rest.is_empty() {
            let (block, later) = rest.split_at(1 + self.choose(rest.len()));
            rest = later;
            let mut body = Vec::new();
            block.iter().for_each(|value| item(self, value, &mut body));
            if self.choose(2) == 0 {
                self.number(block.len() as i64, 10, out);
            } else {
                self.number(-(block.len() as i64), 10, out);
                self.number(body.len() as i64, 10, out);
            }
            out.extend(body);
        }
        self.number(0, 10, out);
    }

    fn value(&mut self, value: &Value, schema: &Schema, out: &mut Vec<u8>) {
        match (value, schema) {
            (_, Schema::Ref { name }) => {
                let schema = self.names[name];
                self.value(value, schema, out);
            }
            (Value::Null, _) => {}
            (Value::Boolean(value), _) => out.push(u8::from(*value)),
            (Value::Int(value), _) => self.number(i64::from(*value), 5, out),
            (Value::Enum(index, _), _) => self.number(i64::from(*index), 5, out),
            (Value::Long(value), _) => self.number(*value, 10, out),
            (Value::Float(value), _) => out.extend(value.to_le_bytes()),
            (Value::Double(value), _) => out.extend(value.to_le_bytes()),
            (Value::Fixed(_, bytes), _) => out.extend(bytes),
            (Value::Bytes(bytes), _) => {
                self.number(bytes.len() as i64, 10, out);
                out.extend(bytes);
            }
            (Value::String(text), _) => {
                self.number(text.len() as i64, 10, out);
                out.extend(text.bytes());
            }
            (Value::Array(items), Schema::Array(array)) => {
                self.blocks(items, out, |encoder, item, out| encoder.value(item, &array.items, out));
            }
            (Value::Map(entries), Schema::Map(map)) => {
                let entries: Vec<_> = entries.iter().collect();
                self.blocks(&entries, out, |encoder, (key, value), out| {
                    encoder.value(&Value::String((*key).clone()), &Schema::String, out);
                    encoder.value(value, &map.types, out);
                });
            }
            (Value::Union(branch, value), Schema::Union(union)) => {
                self.number(i64::from(*branch), 10, out);
                self.value(value, &union.variants()[*branch as usize], out);
            }
            (Value::Record(fields), Schema::Record(record)) => {
                for ((_, value), field) in fields.iter().zip(&record.fields) {
                    self.value(value, &field.schema, out);
                }
            }
            (value, schema) => panic!("{value:?} is not of {schema:?}"),
        }
    }
}

fn check(property: impl Fn(&Writer, &Walk, &Value, &[u8], GroupSet)) {
    for writer in schemas::all() {
        let walk = Walk::compile(&writer.avsc).unwrap();
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) };
        let choices = vec(any::<u8>(), 0..40);
        proptest!(config, |(event in random::event(&writer.plain), groups in random::groups(), choices in choices)| {
            let datum = encode(&writer, &event, choices);
            // Guards the encoder of this test: what it writes is Avro.
            assert!(model::same(&model::decode(&writer, &datum).unwrap(), &event));
            property(&writer, &walk, &event, &datum, groups);
        });
    }
}

#[test]
fn exact_views_of_their_events_have_the_same_values() {
    check(|writer, walk, event, datum, groups| {
        let mut out = Vec::new();
        view::exact(walk, &walk.run(datum).unwrap(), datum, groups, &mut out);
        assert!(model::same(&model::decode(writer, &out).unwrap(), &model::exact(writer, event, groups)));
    });
}

#[test]
fn coarse_views_of_their_events_have_the_same_values() {
    check(|writer, walk, event, datum, groups| {
        let mut out = Vec::new();
        view::coarse(walk, &walk.run(datum).unwrap(), datum, groups, None, "opened", &mut out);
        let expected = model::coarse(writer, event, groups, None, "opened");
        assert!(model::same(&model::decode(writer, &out).unwrap(), &expected));
    });
}

#[test]
fn a_coarse_view_without_groups_does_not_tell_who_encoded_the_event() {
    check(|writer, walk, event, datum, _| {
        let mut out = Vec::new();
        view::coarse(walk, &walk.run(datum).unwrap(), datum, GroupSet::EMPTY, None, "opened", &mut out);
        assert_eq!(out, model::encode(writer, &model::coarse(writer, event, GroupSet::EMPTY, None, "opened")));
    });
}
