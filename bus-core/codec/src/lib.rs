//! How events look as bytes: Confluent framing, the span walk, views by splicing, record codecs, the registry client.
//!
//! A router calls, for each event: [`framing::unframe`], then [`Walk::run`] of the walk that was compiled for the writer
//! schema id, then for each permit either nothing ([`view::is_whole`]: the payload is forwarded untouched),
//! [`view::exact`] or [`view::coarse`]. No step decodes the event into a value, and a copy keeps the schema id of the
//! event. Every other record of the bus goes through [`RecordCodec`] and [`RecordReader`].
//!
//! What it does not do: it decides about no permit, it touches no Kafka, and but for [`Registry`] it does no I/O.

mod compile;
mod cursor;
mod error;
pub mod framing;
mod plan;
pub mod record;
pub mod registry;
pub mod view;
pub mod walk;
mod write;

pub use error::{CompileError, FramingError, RecordError, RegistryError, SettingsError, WalkError, WalkFault};
pub use record::{RecordCodec, RecordReader};
pub use registry::{BasicAuth, Registry, RegistrySettings, Schemas, TIME_LIMIT};
pub use walk::{Spans, Walk};
