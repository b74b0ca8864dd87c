//! Whether a request meets the same pool twice, which would count it twice. Debug builds only:
//! the note in the extensions allocates.

use http::Request;

use super::state::State;

/// The pools, by address, that a request has met.
#[derive(Clone, Debug, Default)]
struct Met(Vec<usize>);

pub(super) fn note<B>(pool: &State, request: &mut Request<B>) {
    let pool = std::ptr::from_ref(pool).addr();
    let Met(met) = request.extensions_mut().get_or_insert_default();
    assert!(
        !met.contains(&pool),
        "this request holds a permit of this pool already, and would hold two: the pool's layer \
         was applied twice on its way, for example on a route and again on the router; apply it \
         once, or make a second pool"
    );
    met.push(pool);
}
