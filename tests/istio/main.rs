//! The rule file: what is read, what is refused and why, what it means inbound, and how it is
//! followed.

mod admission;
mod auto_traits;
mod bad_input;
mod bounds;
mod cases;
mod directories;
mod documents;
mod effects;
mod expected;
mod gates;
mod keep_alive;
mod lints;
mod log;
mod mesh;
mod missing;
mod outbound;
mod outside;
mod printing;
mod queries;
mod robust;
mod rule_sets;
mod rules;
mod scalars;
mod selection;
mod settings;
mod support;
mod translation;
mod traps;
#[cfg(unix)]
mod unreadable;
mod watching;
