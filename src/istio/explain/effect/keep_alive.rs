//! Of the keep-alive of connections, the pool's and the mesh's: what the system makes of it.

use super::Effects;
use crate::istio::explain::notes::Notes;
use crate::istio::path::Path;
use crate::istio::problem::Position;
use crate::istio::resource::{GoDuration, Spanned, TcpKeepalive};

/// The most that Linux takes, in seconds and in number.
const MOST_SECONDS: i64 = 32_767;
const MOST_PROBES: u32 = 127;

impl Effects<'_, '_> {
    /// The mesh's, as far as that of the pool leaves it out.
    pub(super) fn of_mesh_keep_alive(&self) -> Option<Notes> {
        let settings = self.settings;
        if settings.query.is_inbound() {
            return None;
        }
        let (field, of_mesh) = settings.tcp_keepalive_of_mesh()?;
        let pool = settings.effective.pool;
        let pool = pool.and_then(|owner| settings.rules.pool(owner));
        let tcp = pool.and_then(|pool| pool.tcp.as_ref());
        let own = tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref());
        let left = TcpKeepalive {
            probes: of_mesh.probes.filter(|_| {
                let of_pool = own.and_then(|own| own.probes);
                of_pool.is_none_or(|probes| probes.value == 0)
            }),
            time: of_mesh
                .time
                .filter(|_| own.is_none_or(|own| own.time.is_none())),
            interval: of_mesh
                .interval
                .filter(|_| own.is_none_or(|own| own.interval.is_none())),
        };
        let mut notes = Notes::new(field.object().file());
        fields(&left, &Path::Given(&field.path()), &mut notes);
        Some(notes)
    }
}

/// People write a fraction of a second, or 0 for the default, and get something else or nothing at
/// all; or more than there can be, and have every connect fail, as in a mesh.
pub(super) fn fields(keepalive: &TcpKeepalive, path: &Path<'_>, notes: &mut Notes) {
    for (name, time) in [("time", keepalive.time), ("interval", keepalive.interval)] {
        if let Some(Spanned { value, at }) = time {
            seconds(value, at, &path.field(name), notes);
        }
    }
    let Some(Spanned { value, at }) = keepalive.probes else {
        return;
    };
    let path = path.field("probes");
    if value == 0 {
        let why = "0 is unset: what else says a number holds, or the system's default";
        notes.lint(at, &path, why);
    } else if value > MOST_PROBES {
        let why =
            format_args!("{value} are more than Linux takes, {MOST_PROBES}: every connect fails");
        notes.lint(at, &path, why);
    }
}

fn seconds(time: GoDuration, at: Position, path: &Path<'_>, notes: &mut Notes) {
    let seconds = time.whole_seconds();
    if seconds == 0 {
        let why = format_args!("{time} is no whole second, which turns the keep-alive off");
        notes.lint(at, path, why);
    } else if seconds < 0 {
        let why = format_args!(
            "{time} is negative, which Istio takes for more than Linux does: every connect fails"
        );
        notes.lint(at, path, why);
    } else if seconds > MOST_SECONDS {
        let why =
            format_args!("{time} is more than Linux takes, {MOST_SECONDS}s: every connect fails");
        notes.lint(at, path, why);
    } else if !time.is_whole_seconds() {
        let why = format_args!("{time} is {seconds}s: the system counts whole seconds");
        notes.lint(at, path, why);
    }
}
