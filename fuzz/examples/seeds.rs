//! Writes the first corpus: random well-formed events of each writer schema, and the schemas themselves.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[allow(dead_code, unreachable_pub)]
#[path = "../../bus-core/codec/tests/codec/model.rs"]
mod model;
#[allow(dead_code, unreachable_pub)]
#[path = "../../bus-core/codec/tests/codec/random.rs"]
mod random;
#[allow(dead_code, unreachable_pub)]
#[path = "../../bus-core/codec/tests/codec/schemas.rs"]
mod schemas;

const EVENTS_PER_SCHEMA: usize = 50;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let (walk, compile) = (corpus.join("walk"), corpus.join("compile"));
    fs::create_dir_all(&walk)?;
    fs::create_dir_all(&compile)?;
    let mut runner = TestRunner::deterministic();
    for (which, writer) in schemas::all().iter().enumerate() {
        let events = random::event(&writer.plain);
        for index in 0..EVENTS_PER_SCHEMA {
            let event = events.new_tree(&mut runner).expect("nothing is filtered").current();
            let datum = model::encode(writer, &event);
            let header = [which as u8, index as u8, (index / 7) as u8];
            fs::write(walk.join(format!("seed-{which}-{index}")), [&header[..], &datum].concat())?;
            if index == 0 {
                let avsc = without_docs(&writer.avsc);
                fs::write(compile.join(format!("seed-{which}")), [avsc.as_bytes(), &[0], &datum].concat())?;
            }
        }
    }
    println!("{}", corpus.display());
    Ok(())
}

/// The schema without its words for people, which only make the input long.
fn without_docs(avsc: &str) -> String {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            serde_json::Value::Object(object) => {
                object.remove("doc");
                object.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let mut schema = serde_json::from_str(avsc).expect("a schema is JSON");
    strip(&mut schema);
    schema.to_string()
}
