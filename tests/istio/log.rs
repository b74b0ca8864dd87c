//! What is logged, for all tests of this program.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, Once};

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static LISTENING: Once = Once::new();

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps what is logged from now on.
pub(crate) fn listen() {
    LISTENING.call_once(|| {
        tracing_subscriber::fmt()
            .with_writer(|| Log)
            .with_ansi(false)
            .init();
    });
}

/// The lines about a file.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    let logged = String::from_utf8(LOGGED.lock().unwrap().clone()).unwrap();
    let lines = logged.lines().map(str::to_owned);
    let path = path.to_string_lossy();
    lines.filter(|line| line.contains(&*path)).collect()
}
