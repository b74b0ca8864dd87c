//! `MeshConfig`, in the forms in which it is found: an object, the mapping alone, and the text
//! `mesh` of the `ConfigMap` that istiod reads.

use super::duration::duration;
use super::fields::Fields;
use super::meta::{meta, spec_of};
use super::pool::{connection_pool, outlier_detection, tcp_keepalive};
use super::value::{Value, list, one_of, opaque, string};
use crate::istio::problem::Report;
use crate::istio::resource::{
    DefaultTrafficPolicy, H2UpgradePolicy, MeshConfig, MeshForm, MeshSettings, Spanned,
};

const H2_UPGRADE_POLICIES: &[(&str, H2UpgradePolicy)] = &[
    ("DO_NOT_UPGRADE", H2UpgradePolicy::DoNotUpgrade),
    ("UPGRADE", H2UpgradePolicy::Upgrade),
];

/// An object whose spec is the mesh's settings.
pub(super) fn mesh_config(value: Value<'_>, report: &mut Report) -> Option<MeshConfig> {
    let mut fields = Fields::open(value, report)?;
    let mesh = MeshConfig {
        meta: meta(value, &mut fields, report),
        form: MeshForm::Object,
        settings: spec_of(&mut fields, report, mesh_settings),
    };
    fields.close(report);
    Some(mesh)
}

/// The settings themselves.
pub(super) fn mesh_settings(
    value: Value<'_>,
    report: &mut Report,
) -> Option<Spanned<MeshSettings>> {
    let mut fields = Fields::open(value, report)?;
    let settings = MeshSettings {
        connect_timeout: fields.get("connectTimeout", report, duration),
        tcp_keepalive: fields.get("tcpKeepalive", report, tcp_keepalive),
        h2_upgrade_policy: fields.get("h2UpgradePolicy", report, one_of(H2_UPGRADE_POLICIES)),
        default_destination_rule_export_to: fields.get(
            "defaultDestinationRuleExportTo",
            report,
            list(string),
        ),
        root_namespace: fields.get("rootNamespace", report, string),
        default_traffic_policy: fields.get("defaultTrafficPolicy", report, default_policy),
        others: fields.rest(report, opaque),
    };
    Some(value.spanned(settings))
}

fn default_policy(value: Value<'_>, report: &mut Report) -> Option<Spanned<DefaultTrafficPolicy>> {
    let mut fields = Fields::open(value, report)?;
    let policy = DefaultTrafficPolicy {
        connection_pool: fields.get("connectionPool", report, connection_pool),
        outlier_detection: fields.get("outlierDetection", report, outlier_detection),
    };
    fields.close(report);
    Some(value.spanned(policy))
}
