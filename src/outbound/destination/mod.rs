//! The pool of one destination, as a pure state machine.
//!
//! A [`Machine`] is told what happens to the requests for a destination and to the connections to
//! it, and says what to do. It decides as Envoy's HTTP connection pool does: which connection a
//! request takes, when one is opened, who waits, who is refused, who fails. It has no sockets, no
//! clock, no tasks and no locks; whoever brings those is its *driver*. The example is one on
//! foot:
//!
//! ```
//! use std::time::Duration;
//! use meshpool::Limits;
//! use meshpool::outbound::destination::{Action, End, Expected, Machine, Placement, Protocol};
//!
//! let limits = Limits::new().max_connections(1).max_pending_requests(1);
//! let mut machine = Machine::new(limits, Expected::Http1);
//! let (now, mut actions) = (Duration::ZERO, Vec::new());
//!
//! // No connection is there, so the request pends, and one is opened.
//! let (first, placement) = machine.request(now, &mut actions)?;
//! assert_eq!(placement, Placement::Pending);
//! let Some(Action::Open { connection }) = actions.pop() else { panic!() };
//!
//! // It is there: the request is sent on it.
//! machine.connected(connection, Protocol::Http1, now, &mut actions);
//! assert_eq!(actions.pop(), Some(Action::Attach { request: first, connection }));
//!
//! // One more waits, and the next is too many.
//! let (second, _) = machine.request(now, &mut actions)?;
//! let refused = machine.request(now, &mut actions).unwrap_err();
//! assert_eq!(refused.to_string(), "max_pending_requests limit of 1 reached (1 active, 1 pending)");
//!
//! // The first response is complete: the connection goes to the one that waits.
//! machine.ended(first, End::Complete, now, &mut actions);
//! assert_eq!(actions.pop(), Some(Action::Attach { request: second, connection }));
//! # Ok::<(), meshpool::admission::Overflow>(())
//! ```
//!
//! # How to drive it
//!
//! - Keep it under a mutex. Feed it an event, with the time and an empty buffer; leave the mutex;
//!   perform the actions in their order. Nothing foreign runs under the mutex that way, and nobody
//!   is woken under it. The buffer is the driver's to keep, so that nothing is allocated.
//! - Times are durations since whatever moment the driver has chosen, which never go back. Call
//!   [`tick`](Machine::tick) when [`next_deadline`](Machine::next_deadline) says so.
//! - Every [`RequestKey`] is ended once, by [`ended`](Machine::ended),
//!   [`cancelled`](Machine::cancelled), [`Action::Refuse`] or [`Action::Fail`]. That the request's
//!   connection is gone does not end it: its holder, who sees it fail, does.
//! - Every [`ConnectionKey`] is answered once with [`closed`](Machine::closed), however it came to
//!   that. Until then it holds its slot, so that there are never more sockets than
//!   [`max_connections`](crate::Limits::max_connections), those that are closing included.
//! - Two events may race: a key that has become stale meanwhile names nothing, and does nothing.
//! - Look at a connection before the end of its request is reported, and say
//!   [`End::CompleteAndLost`] if the peer has closed it. A request that is attached to a
//!   dead connection all the same, and comes back whole, is
//!   [handed back](Machine::handed_back).
//!
//! # What it decides
//!
//! A connection is connecting, *ready* (room for a stream), busy, draining, or closing. A newcomer
//! takes the connection that became ready last; without one it pends, at the tail of a queue. A
//! connection is opened only if more requests pend than those that connect will carry, and if
//! [`max_connections`](crate::Limits::max_connections) allows; the first one always. When a
//! connection becomes ready, the head of the queue is attached to it, whatever it was opened for.
//! [`max_requests`](crate::Limits::max_requests) is judged when a request is attached, not before,
//! so that with no room one ready connection refuses the whole queue. A failed connect fails the
//! queue; a lost connection does not.
//!
//! Attach, end, cancel and enqueue move a few links, whatever the number of connections and
//! requests; a change of limits looks at each connection once.
//!
//! # Where it differs from Envoy
//!
//! In parentheses the scenarios, of those recorded from Envoy, that show it. They are all replayed
//! against the machine, field by field, and over sockets through the example `sidecar`; in all else
//! it does the same. What has none is met with in random scenarios, which are played through Envoy
//! and `sidecar` side by side.
//!
//! | Envoy | here | why |
//! |---|---|---|
//! | Each worker checks a limit and then counts: two may pass at once, and each has a connection though there be one for all (`workers2_requests1`, `workers2_conn1_pending1`, `workers2_seed`) | limits are exact | one machine under one lock |
//! | A request that finds [`max_requests`](crate::Limits::max_requests) reached and no connection ready has one opened, and is refused on it (`conn2_requests1`, `conn5_requests2`, `hosts2_requests1`, `overflow_active_not_retried`, `reject_grpc_active`, `requests0_envoy`, `requests1_reject_only_when_connected`, `runtime_lower_below_active`, `seed_111_h1`, `seed_111_h2`, `seed_flood_then_delete_policy`, `seed_flood_then_delete_policy_h2`) | it is refused at once, and no connection is opened | no connect is spent on a refusal |
//! | If a connection is opened while [`max_requests`](crate::Limits::max_requests) is reached, for want of one or since more are allowed now, all that pend are refused on it; it stays, idle. So it is if those that connect will have reached it, after a change | what pends stays until an active request ends, and has a connection opened then | no connect is spent on a refusal |
//! | If the request in its way ends before that connect does, it is served (`requests1_pending_rescued`) | it was refused | the price of the line above |
//! | A change of settings makes a new generation of the pool, blind to the load of the old: counters begin at 0, connections are dropped (`cds_change_h2_active`, `cds_change_mrpc`, `cds_change_while_connecting`, `cds_lower_below_active`, `cds_queue_cancel_after_change`, `cds_raise_with_queue`, `cds_remove_limit_conn1_queue`, `cds_remove_limit_seed`) | limits change in place: the load counts, connections and counters stay, and nothing that pends or is active fails | |
//! | A raised limit reaches the queue at the next event (`cds_raise_with_queue`, `cds_remove_limit_conn1_queue`, `cds_change_while_connecting`), SETTINGS that allow more streams likewise | at once | |
//! | Idle connections stay when [`max_connections`](crate::Limits::max_connections) is lowered in place (`runtime_lower_conn`) | those beyond it close, the longest idle first | |
//! | A removed cluster serves its queue on new connections (`cds_cluster_removed`) | [`close`](Machine::close) serves it on those that are there | |
//! | A pending request is sent into a connection that the peer has closed after a response (`upstream_closes_after_response`) | [`End::CompleteAndLost`], [`handed_back`](Machine::handed_back): it goes to another | |
//! | When an HTTP/2 connection is lost, each of its requests that fails leaves a stream to the next that pends, which fails as well, or is refused | those that pend wait for another connection | they have not left |
//! | A freed HTTP/1 connection serves the queue on the next turn of an event loop; two that are freed in one turn do so last first (`conn2_pending_unset_two_free_at_once`) | at once, and first first | |
//! | Gauges of limits follow at the next request, are optional, and are 0 under a retry budget (`runtime_lower_pending_with_queue`, `conn1_pending0_envoy`, `requests0_envoy`, `track_remaining_false`, `retry_budget_20pct_default_min3`, `retry_budget_50pct_min1`) | always there, and true | worked out when asked for |
//! | A connection that has had its last request closes when its caller leaves, and nothing is said of the stream | the stream is reset, and then the connection closes | the server learns that nobody waits for this one |
//! | Unset is 1024, and 3 retries (`envoy_defaults`) | unset is unlimited | as in Istio |
//!
//! A destination is one address, and there are no priorities (`hosts2_conn1`,
//! `priority_high_is_separate`).

mod action;
mod change;
mod connections;
mod entry;
mod key;
mod list;
mod machine;
mod requests;
mod retries;
mod serve;
mod slab;
mod stats;
#[cfg(test)]
mod tests;
mod timers;

pub use self::action::{Action, End, Expected, Failure, Placement, Protocol, Side};
pub use self::key::{ConnectionKey, RequestKey};
pub use self::machine::Machine;
pub use self::stats::{CircuitBreakers, Counters, Stats};
