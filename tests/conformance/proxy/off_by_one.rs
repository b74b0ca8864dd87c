//! An Envoy that is told the wrong limits: what a comparison must find out.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Envoy, Proxy};
use crate::scenario::{Scenario, Settings};
use crate::stats::Stats;

/// It lets one request more run, and one more wait, than it should.
pub(crate) struct OffByOne(Envoy);

impl OffByOne {
    fn settings(settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        let pool = settings.connection_pool.get_or_insert_default();
        for limit in [
            &mut pool.http.max_requests,
            &mut pool.http.max_pending_requests,
        ] {
            *limit = limit.map(|limit| limit + 1);
        }
        settings
    }
}

impl Proxy for OffByOne {
    const NAME: &str = "off by one";

    async fn start(scenario: &Scenario, upstream: SocketAddr) -> Self {
        let scenario = Scenario {
            settings: Self::settings(&scenario.settings),
            ..scenario.clone()
        };
        Self(Envoy::start(&scenario, upstream).await)
    }

    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    async fn stats(&self) -> Stats {
        self.0.stats().await
    }

    fn sleeps(&self) -> bool {
        self.0.sleeps()
    }

    async fn admin(&self, path: &str) -> String {
        self.0.admin(path).await
    }

    async fn set(&mut self, settings: Option<&Settings>) {
        let settings = settings.map(Self::settings);
        self.0.set(settings.as_ref()).await;
    }

    async fn runtime(&mut self, keys: &BTreeMap<String, u32>) {
        self.0.runtime(keys).await;
    }

    fn access_log(&self) -> Vec<String> {
        self.0.access_log()
    }

    async fn stop(self) {
        self.0.stop().await;
    }
}
