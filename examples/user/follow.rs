//! The rule file in force: from its changes to the pool.

use meshpool::InboundPool;
use meshpool::istio::watch::{Change, RuleWatch};

/// Keeps the pool's limits as the file says, and tells of each change when it is in force.
pub(crate) async fn follow(mut rule: RuleWatch, pool: InboundPool, mut tell: impl FnMut(&Change)) {
    loop {
        let change = rule.changed().await;
        if let Some(limits) = change.limits() {
            pool.update(limits);
        }
        tell(&change);
    }
}
