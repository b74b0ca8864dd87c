//! [`Overflow`]: why a request was refused.

use std::num::NonZeroU64;
use std::{error, fmt};

/// The limit that refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// All slots are taken, and there is no queue: [`Limits::max_requests`]. Envoy counts it as
    /// `upstream_rq_active_overflow`.
    ///
    /// [`Limits::max_requests`]: crate::Limits::max_requests
    MaxRequests,
    /// All slots and all places in the queue are taken: [`Limits::max_pending_requests`]. Envoy
    /// counts it as `upstream_rq_pending_overflow`.
    ///
    /// [`Limits::max_pending_requests`]: crate::Limits::max_pending_requests
    MaxPendingRequests,
    /// The pool was closed and admits nothing new. Envoy has no such state here: it drains whole
    /// listeners.
    Closed,
}

impl Resource {
    /// The limit's name, as in [`Limits`](crate::Limits): `max_requests`,
    /// `max_pending_requests` or `closed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxRequests => "max_requests",
            Self::MaxPendingRequests => "max_pending_requests",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request was refused, and why: the limit that bound, its value, and what was in use.
///
/// ```
/// use meshpool::admission::{Admission, Resource};
///
/// let admission = Admission::new(1, 0);
/// let _held = admission.try_acquire().unwrap();
///
/// let overflow = admission.try_acquire().unwrap_err();
/// assert_eq!(overflow.resource, Resource::MaxRequests);
/// assert_eq!(overflow.to_string(), "max_requests limit of 1 reached (1 active, 0 pending)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overflow {
    /// The limit that bound.
    pub resource: Resource,
    /// Its value when it was read; 0 for [`Resource::Closed`].
    pub limit: u32,
    /// How many held a slot.
    pub active: u32,
    /// How many waited for one.
    pub pending: u32,
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            resource,
            limit,
            active,
            pending,
        } = self;
        match resource {
            Resource::Closed => write!(f, "pool is closed ({active} active, {pending} pending)"),
            _ => write!(
                f,
                "{resource} limit of {limit} reached ({active} active, {pending} pending)"
            ),
        }
    }
}

impl error::Error for Overflow {}

/// An [`Overflow`] on its way from the decision to the answer, in two words.
///
/// Four small fields, written one by one and copied by the word, make the processor wait at each
/// copy until the writes are through, and a refusal has no time for that. This travels in registers,
/// even as an `Option`: that is what the `NonZero` is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    limit_and_active: u64,
    pending_and_resource: NonZeroU64,
}

impl Packed {
    /// Set in each.
    const PRESENT: NonZeroU64 = NonZeroU64::new(1 << 32).unwrap();

    #[inline]
    pub(super) fn new(resource: Resource, limit: u32, active: u32, pending: u32) -> Self {
        let pending_and_resource = u64::from(pending) | (resource as u64) << 33;
        Self {
            limit_and_active: u64::from(limit) | u64::from(active) << 32,
            pending_and_resource: Self::PRESENT | pending_and_resource,
        }
    }
}

impl From<Packed> for Overflow {
    #[inline]
    fn from(packed: Packed) -> Self {
        const REQUESTS: u64 = Resource::MaxRequests as u64;
        const PENDING: u64 = Resource::MaxPendingRequests as u64;

        let pending_and_resource = packed.pending_and_resource.get();
        Self {
            resource: match pending_and_resource >> 33 {
                REQUESTS => Resource::MaxRequests,
                PENDING => Resource::MaxPendingRequests,
                _ => Resource::Closed,
            },
            limit: packed.limit_and_active as u32,
            active: (packed.limit_and_active >> 32) as u32,
            pending: pending_and_resource as u32,
        }
    }
}
