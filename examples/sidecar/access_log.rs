//! [`AccessLog`]: lines on standard output, written by a thread of its own so that nobody else
//! waits for whoever reads them.

use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;

/// So many lines wait to be written. What comes on top of that is lost.
const MOST_LINES: usize = 1 << 16;

/// Where lines go. Clones share it.
#[derive(Clone)]
pub(crate) struct AccessLog(SyncSender<Option<String>>);

/// The thread that writes them.
pub(crate) struct Writer {
    /// Takes `None` for the end.
    lines: SyncSender<Option<String>>,
    ended: oneshot::Receiver<()>,
}

impl AccessLog {
    pub(crate) fn start() -> io::Result<(Self, Writer)> {
        let (sender, lines) = sync_channel(MOST_LINES);
        let (end, ended) = oneshot::channel();
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                // Whoever has closed the other end does not want to know.
                let _ = write(&lines);
                drop(end);
            })?;
        let writer = Writer {
            lines: sender.clone(),
            ended,
        };
        Ok((Self(sender), writer))
    }

    pub(crate) fn line(&self, line: String) {
        let _ = self.0.try_send(Some(line));
    }
}

impl Writer {
    /// Waits until every line is written that there is by now.
    pub(crate) async fn end(self) {
        // If there is no room, somebody is not reading; if there is no thread, nobody ever will.
        if self.lines.try_send(None).is_ok() {
            let _ = self.ended.await;
        }
    }
}

/// Writes lines as they come; in one go, if several are there.
fn write(lines: &Receiver<Option<String>>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout());
    while let Ok(Some(line)) = lines.recv() {
        writeln!(out, "{line}")?;
        let mut is_last = false;
        for line in lines.try_iter() {
            match line {
                Some(line) => writeln!(out, "{line}")?,
                None => is_last = true,
            }
        }
        out.flush()?;
        if is_last {
            break;
        }
    }
    Ok(())
}
