//! The rule file: what is read, what is refused and why, and what it means inbound.

mod bad_input;
mod support;
mod watching;
