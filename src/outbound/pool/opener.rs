//! [`Opener`]: how a pool's connections are opened, whatever the connector's type.

use std::pin::Pin;
use std::sync::Arc;

use http_body::Body;

use super::{Pool, Protocols};
use crate::outbound::connection::{Connect, Control, Opening, open};
use crate::outbound::destination::ConnectionKey;
use crate::outbound::error::BoxError;

/// What a connection does from its start to its end.
type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) trait Opener<B: Send + 'static>: Send + Sync {
    fn open(&self, pool: Arc<Pool<B>>, key: ConnectionKey, control: Arc<Control>) -> Life;
}

/// Opens connections with a connector of the user's.
pub(crate) struct Connector<C>(pub(crate) C);

impl<C, B> Opener<B> for Connector<C>
where
    C: Connect,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    fn open(&self, pool: Arc<Pool<B>>, key: ConnectionKey, control: Arc<Control>) -> Life {
        let options = &pool.all.options;
        Box::pin(open(Opening {
            connector: self.0.clone(),
            uri: pool.uri.clone(),
            http2_only: options.protocols == Protocols::Http2Only,
            keep_alive: options.keep_alive.or_of(&pool.limits()),
            owner: pool,
            key,
            control,
        }))
    }
}
