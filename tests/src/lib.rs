//! cache-harness as its users meet it: end-to-end tests, and the fixtures they need.

pub mod fixtures;
pub mod hub;
