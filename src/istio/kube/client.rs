//! The connection to the API server.

use std::path::Path;
use std::time::Duration;

use http_body_util::Limited;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::limit::RateLimitLayer;
use tower::util::MapResponseLayer;

use super::KubeError;

/// How many requests a second are sent at most, whatever the server does: one that ends each watch
/// at once is not asked in a loop.
const REQUESTS_A_SECOND: u64 = 20;

/// How many bytes a response may have. A watch ends after five minutes, and goes on in another.
const MOST_BYTES: usize = 256 << 20;

/// After how long a silent connection is given up. A watch is never silent for so long.
const SILENCE: Duration = Duration::from_secs(300);

/// The client that the file says; without one that which the environment says.
pub(super) async fn client(kubeconfig: Option<&Path>) -> Result<Client, KubeError> {
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(KubeError::new)?;
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(file, &options).await;
            config.map_err(KubeError::new)?
        }
        None => Config::infer().await.map_err(KubeError::new)?,
    };
    // Who follows backs off, and says why meanwhile.
    config.default_retry = false;
    config.read_timeout = Some(SILENCE);
    let builder = ClientBuilder::try_from(config).map_err(KubeError::new)?;
    let limited = MapResponseLayer::new(|response: http::Response<_>| {
        response.map(|body| Limited::new(body, MOST_BYTES))
    });
    let paced = RateLimitLayer::new(REQUESTS_A_SECOND, Duration::from_secs(1));
    Ok(builder.with_layer(&limited).with_layer(&paced).build())
}
