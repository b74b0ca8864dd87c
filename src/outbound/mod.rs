//! The outbound side: limits on the requests that this process sends.
//!
//! What lives here decides which connection a request takes, how many there are, and how many
//! requests wait for one. It starts with [`destination`], the pool of one destination as a
//! machine without sockets, clock, tasks or locks. How a limit reaches a pool is nobody's business
//! here, nor is anything that serves requests.

pub mod destination;
