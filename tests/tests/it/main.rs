//! What was promised, shown from outside: real processes, a real store, a server that counts.
#![expect(clippy::disallowed_methods, reason = "tests prepare, damage and inspect files themselves")]

mod outcome;
mod packed;
mod parts;
mod pinned;
mod project;

mod archives;
mod arriving_archives;
mod attacks;
mod bad_input;
mod bad_server;
mod bot;
mod budget;
mod builtin;
mod custom_layout;
mod faults;
mod faults_in_parts;
mod full_disk;
mod hit_cost;
mod hostile_archives;
mod hub;
mod hub_cache;
mod hub_refusals;
mod inspect;
mod kill;
mod large;
mod layouts;
mod memory;
mod merging;
mod mirrors;
mod offline;
mod one_download;
mod placing;
mod plan;
mod rate_limit;
mod resume;
mod stand_in;
mod suite;
mod tampering;
mod traced;
mod unusable;
mod variables;
mod variants;
