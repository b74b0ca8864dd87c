//! Which public types are `Send`, `Sync` and `Unpin`: a promise like any other.

use meshpool::admission::{
    Acquire, Admission, Handle, Idle, Leaked, Overflow, Overflowed, Permit, Resource, Shared,
    Stats, WaitHistogram,
};
use meshpool::limits::{Limits, RetryBudget};
use meshpool::outbound::destination::{Action, ConnectionKey, Machine, RequestKey};
use static_assertions::{assert_impl_all, assert_not_impl_any};

/// One line to a type: what it is, and after an exclamation mark what it is not.
macro_rules! auto_traits {
    ($($type:ty: $($is:ident)&* $(, ! $($is_not:ident)|*)?;)*) => {
        $(
            assert_impl_all!($type: $($is),*);
            $(assert_not_impl_any!($type: $($is_not),*);)?
        )*
    };
}

auto_traits! {
    // admission
    Acquire<Leaked>: Send & Sync & Unpin, !Clone;
    Acquire<Shared>: Send & Sync & Unpin, !Clone;
    Admission: Send & Sync & Unpin & Clone;
    Admission<Leaked>: Send & Sync & Unpin & Clone;
    Idle<Leaked>: Send & Sync & Unpin, !Clone;
    Idle<Shared>: Send & Sync & Unpin, !Clone;
    Leaked: Handle & Send & Sync & Unpin & Copy;
    Overflow: Send & Sync & Unpin & Copy;
    Overflowed: Send & Sync & Unpin & Copy;
    Permit<Leaked>: Send & Sync & Unpin, !Clone;
    Permit<Shared>: Send & Sync & Unpin, !Clone;
    Resource: Send & Sync & Unpin & Copy;
    Shared: Handle & Send & Sync & Unpin & Clone, !Copy;
    Stats: Send & Sync & Unpin & Clone;
    WaitHistogram: Send & Sync & Unpin & Clone;

    // limits
    Limits: Send & Sync & Unpin & Copy;
    RetryBudget: Send & Sync & Unpin & Copy;

    // outbound
    Action: Send & Sync & Unpin & Copy;
    ConnectionKey: Send & Sync & Unpin & Copy;
    Machine: Send & Sync & Unpin, !Clone;
    RequestKey: Send & Sync & Unpin & Copy;
}

/// The table is checked while this compiles; here is what a table of traits cannot say.
#[test]
fn permits_and_futures_are_owned_by_their_task() {
    fn is_static<T: 'static>() {}
    is_static::<Permit<Shared>>();
    is_static::<Acquire<Shared>>();
    is_static::<Idle<Shared>>();
}
