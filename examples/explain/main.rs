//! Says what a mesh's rules come to for one service: which rule applies, each limit with where it
//! is from, what has no effect inside a process, and what was probably not meant.
//!
//! ```sh
//! cargo run --example explain -- --rules examples/rule.yaml --host user --direction inbound
//! cargo run --example explain -- --rules rules/ --mesh mesh.yaml --json \
//!     --host reviews.default.svc.cluster.local --port 9080 --client-namespace web
//! ```
//!
//! Its exit status is 1 if anything that it reads is not valid.

#[path = "../common/domain.rs"]
mod domain;
mod flags;
#[path = "../common/label.rs"]
mod label;
#[path = "../common/named.rs"]
mod named;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::flags::Flags;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let rules = flags.rule_set();
    let explanation = rules.explain(&flags.query(), flags.on_full());
    let text = match flags.json {
        true => serde_json::to_string_pretty(&explanation).expect("it is plain data") + "\n",
        false => explanation.to_string(),
    };
    // Whoever has read enough may close the pipe.
    let _ = io::stdout().write_all(text.as_bytes());
    match explanation.valid {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
