//! Random values of any schema.

use apache_avro::Schema;
use apache_avro::schema::{NamesRef, ResolvedSchema};
use apache_avro::types::Value;
use barid_schemas::{Group, GroupSet};
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;

pub(crate) fn event(schema: &Schema) -> BoxedStrategy<Value> {
    let resolved = ResolvedSchema::new(schema).unwrap();
    // The one number of the envelope that not every number will do for.
    (value(schema, resolved.get_names()), -1_080..=1_080_i32)
        .prop_map(|(event, offset)| with_offset(event, offset))
        .boxed()
}

fn with_offset(mut event: Value, minutes: i32) -> Value {
    if let Value::Record(fields) = &mut event {
        let offset = fields.iter_mut().find(|(name, _)| name == "utc_offset_minutes");
        offset.expect("every case event has it").1 = Value::Int(minutes);
    }
    event
}

pub(crate) fn groups() -> impl Strategy<Value = GroupSet> {
    vec(any::<bool>(), Group::COUNT).prop_map(|chosen| {
        Group::ALL.into_iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(group, _)| group).collect()
    })
}

fn value(schema: &Schema, names: &NamesRef<'_>) -> BoxedStrategy<Value> {
    match schema {
        Schema::Null => Just(Value::Null).boxed(),
        Schema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Schema::Int => prop_oneof![-70..70, any::<i32>()].prop_map(Value::Int).boxed(),
        Schema::Long => prop_oneof![-70..70_i64, any::<i64>()].prop_map(Value::Long).boxed(),
        Schema::Float => any::<f32>().prop_map(Value::Float).boxed(),
        Schema::Double => any::<f64>().prop_map(Value::Double).boxed(),
        Schema::Bytes => vec(any::<u8>(), 0..6).prop_map(Value::Bytes).boxed(),
        Schema::String => ".{0,10}".prop_map(Value::String).boxed(),
        Schema::Fixed(fixed) => {
            let size = fixed.size;
            vec(any::<u8>(), size).prop_map(move |bytes| Value::Fixed(size, bytes)).boxed()
        }
        Schema::Enum(symbols) => {
            let symbols = symbols.symbols.clone();
            (0..symbols.len()).prop_map(move |index| Value::Enum(index as u32, symbols[index].clone())).boxed()
        }
        Schema::Array(array) => vec(value(&array.items, names), 0..4).prop_map(Value::Array).boxed(),
        // One entry at most: the model keeps no order among them, so that more could not be compared byte for byte.
        Schema::Map(map) => hash_map(".{0,4}", value(&map.types, names), 0..2).prop_map(Value::Map).boxed(),
        Schema::Union(union) => {
            let branches = union.variants().iter().enumerate().map(|(index, branch)| {
                value(branch, names).prop_map(move |value| Value::Union(index as u32, Box::new(value))).boxed()
            });
            proptest::strategy::Union::new(branches.collect::<Vec<_>>()).boxed()
        }
        Schema::Record(record) => {
            let fields: Vec<_> = record.fields.iter().map(|field| value(&field.schema, names)).collect();
            let keys: Vec<_> = record.fields.iter().map(|field| field.name.clone()).collect();
            fields.prop_map(move |values| Value::Record(keys.iter().cloned().zip(values).collect())).boxed()
        }
        Schema::Ref { name } => value(names[name], names),
        other => panic!("no random values of {other:?}"),
    }
}
