//! `MeshConfig`: the defaults of the mesh, as far as they bear on pools.

use super::{
    ConnectionPool, GoDuration, H2UpgradePolicy, Meta, Opaque, OutlierDetection, Spanned,
    TcpKeepalive,
};

/// The mesh's defaults: a `MeshConfig` document, or the `mesh` of the `ConfigMap` that istiod
/// reads.
#[derive(Debug)]
pub(crate) struct MeshConfig {
    /// Of the document or of the `ConfigMap`.
    pub(crate) meta: Meta,
    pub(crate) form: MeshForm,
    pub(crate) settings: Option<Spanned<MeshSettings>>,
}

/// Equal if the settings are, in whatever form they were found.
impl PartialEq for MeshConfig {
    fn eq(&self, other: &Self) -> bool {
        self.meta == other.meta && self.settings == other.settings
    }
}

/// Where the settings were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeshForm {
    /// The `spec` of an object.
    Object,
    /// `data.mesh` of a `ConfigMap`.
    ConfigMap,
    /// A document of nothing else.
    Plain,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct MeshSettings {
    pub(crate) connect_timeout: Option<Spanned<GoDuration>>,
    pub(crate) tcp_keepalive: Option<Spanned<TcpKeepalive>>,
    pub(crate) h2_upgrade_policy: Option<Spanned<H2UpgradePolicy>>,
    pub(crate) default_destination_rule_export_to: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) root_namespace: Option<Spanned<String>>,
    pub(crate) default_traffic_policy: Option<Spanned<DefaultTrafficPolicy>>,
    /// All the rest, by name.
    pub(crate) others: Vec<(Spanned<String>, Opaque)>,
}

impl MeshSettings {
    /// Whether none of them bears on a pool.
    pub(crate) fn says_nothing(&self) -> bool {
        let Self {
            connect_timeout,
            tcp_keepalive,
            h2_upgrade_policy,
            default_destination_rule_export_to,
            root_namespace,
            default_traffic_policy,
            others: _,
        } = self;
        connect_timeout.is_none()
            && tcp_keepalive.is_none()
            && h2_upgrade_policy.is_none()
            && default_destination_rule_export_to.is_none()
            && root_namespace.is_none()
            && default_traffic_policy.is_none()
    }
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct DefaultTrafficPolicy {
    pub(crate) connection_pool: Option<Spanned<ConnectionPool>>,
    pub(crate) outlier_detection: Option<Spanned<OutlierDetection>>,
}
