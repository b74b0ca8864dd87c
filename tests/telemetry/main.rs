//! What is told outside: metrics and events.

mod events;
mod metrics;
mod support;
