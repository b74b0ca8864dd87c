//! The outbound side: limits on the requests that this process sends.
//!
//! [`Client`] is a `tower` service that sends them; see [`client`] for how to use it. Inside it,
//! each destination has a [`destination::Machine`], which decides which connection a request
//! takes, how many there are and how many requests wait for one, and knows no socket, clock, task
//! or lock. Around it are the folders that do: `pool` (the machine of one destination at work),
//! `destinations` (all of them), `connection` (a connection from the connect to the end of its
//! socket, on hyper). [`connector`] has connectors of our own, of which the rest knows nothing;
//! [`retry`] sends requests again, within limits on that. How a limit is found is nobody's business
//! here, nor is anything that serves requests.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Empty;
//! use hyper_util::client::legacy::connect::HttpConnector;
//! use meshpool::Limits;
//! use meshpool::limits::LiveLimits;
//! use meshpool::outbound::Client;
//!
//! let limits = LiveLimits::new(Limits::new().max_connections(4).max_pending_requests(100));
//! let client: Client<Empty<Bytes>> =
//!     Client::builder().limits(limits.clone()).build(HttpConnector::new());
//! // Later, while requests are under way: each destination obeys at once.
//! limits.set(Limits::new().max_connections(8).max_pending_requests(100));
//! # let _ = client;
//! ```
//!
//! # Where it differs from Envoy
//!
//! What is decided differs where the [machine](destination#where-it-differs-from-envoy) does; the
//! list there has every scenario, of those recorded from Envoy, that shows it. These matter most:
//!
//! | Envoy | here | scenario |
//! |---|---|---|
//! | Two workers may pass a limit at once, and each has a connection of its own though there be one for all | limits are exact, on any number of threads | `workers2_requests1`, `workers2_conn1_pending1` |
//! | A changed limit begins anew, blind to the load that is there, and warm connections are dropped | it is changed in place, counts the load, and drops nothing but idle connections beyond it | `cds_lower_below_active`, `cds_change_mrpc` |
//! | A connect may be spent on a request that is refused afterwards | it is refused at once | `conn2_requests1` |
//! | A pending request is sent into a connection that the server has closed after a response | it goes to another | `upstream_closes_after_response` |
//! | A raised limit reaches what pends at the next event | at once | `cds_raise_with_queue` |
//!
//! And there is what surrounds the decisions, each with a test that shows it:
//!
//! | Envoy | here | test |
//! |---|---|---|
//! | A request fails with its connection, sent or not | one that never left is sent on another, once; an error says whether the server [may have seen](Error::may_have_reached_server) any of it | `on_http1_it_is_sent_on_another_connection_and_nobody_notices` |
//! | Connections are limited for each cluster | also [for all together](Builder::max_total_connections) | `beyond_the_cap_on_all_connections_requests_pend_until_one_is_gone` |
//! | A cluster is configured, and stays | a destination is whatever a URI names, and is [forgotten](Builder::max_idle_destinations) some time after it was idle | `of_hosts_that_answer_the_longest_idle_close_and_are_forgotten` |
//! | A route's timeout bounds how long a request pends | so does a [timeout of its own](Builder::pending_timeout) | `a_request_may_pend_no_longer_than_the_pending_timeout` |
//! | PINGs go out each interval | [after an interval](Builder::http2_keep_alive_interval) in which nothing has come | `limits_bring_pings_of_their_own_for_idle_connections_too` |
//! | An HTTP/1 body of no stated length counts as whole when its TLS connection ends, whichever way | only if that says so (`close_notify`), as rustls has it: else anybody may have cut it short | `a_body_that_ends_with_a_tls_connection_is_whole_only_after_its_goodbye` |
//! | A connection that has had its last request is closed when the caller leaves that | its stream is reset before, if it is HTTP/2, so that the server knows | `an_active_one_on_http2_is_reset_and_the_connection_stays` |
//! | A TCP keep-alive is the cluster's, and set on its connections | it is of the [limits](crate::Limits::tcp_keep_alive), and set by a [connector](KeepAliveConnector) that asks for them | `new_connections_have_the_keep_alive_of_the_rule` |
//! | Idle connections close after an hour, connects fail after five seconds | nothing has a time limit unless set | |
//! | A connection that is lost after a `100` or `103`, and before the final response, is lost (`UC`, 503) | it is an [invalid response](ErrorKind::InvalidResponse) (`UPE`, 502), as one that is lost within a head | `an_end_after_an_informational_head_is_no_http_either` |
//! | A host's addresses are its endpoints, each with connections of its own | the connector chooses one for each connection | |

pub mod client;
mod connection;
pub mod connector;
pub mod destination;
mod destinations;
mod error;
mod pool;
pub mod retry;

pub use self::client::{Builder, Client, ResponseBody, ResponseFuture};
pub use self::connection::Connect;
pub use self::connector::KeepAliveConnector;
#[cfg(unix)]
pub use self::connector::UnixConnector;
pub use self::error::{Error, ErrorKind};
