//! The codec against slow, obvious models and other people's encoders.

mod allocation;
mod compiling;
mod faults;
mod hostile;
mod model;
mod other_encoders;
mod random;
mod records;
mod registry;
mod schemas;
mod views;
