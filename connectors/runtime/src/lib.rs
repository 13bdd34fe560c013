//! The connector runtime.

pub mod cast;
pub mod source;
pub mod text;
