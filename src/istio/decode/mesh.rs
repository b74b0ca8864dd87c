//! `MeshConfig`, in the forms in which it is found: an object, the mapping alone, and the text
//! `mesh` of the `ConfigMap` that istiod reads.

use super::collect::{list, opaque};
use super::duration::duration;
use super::fields::Fields;
use super::meta::{meta, spec_of};
use super::plain::{one_of, string};
use super::pool::{connection_pool, outlier_detection, tcp_keepalive};
use super::value::Value;
use crate::istio::problem::Report;
use crate::istio::resource::{
    DefaultTrafficPolicy, H2UpgradePolicy, MeshConfig, MeshForm, MeshSettings, Meta, Spanned,
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
    fields.close_object(report);
    Some(mesh)
}

/// The settings alone, without an object around them.
pub(super) fn plain_mesh_config(value: Value<'_>, report: &mut Report) -> Option<MeshConfig> {
    let settings = mesh_settings(value, report)?;
    if let Some(name) = of_installation(&settings) {
        report.warning(
            name.at,
            &value.path.field(name),
            "the values of an installation, without settings of the mesh under `meshConfig`: what \
             Istio has by default holds here; expected a MeshConfig, or the mesh's ConfigMap `istio`",
        );
    }
    Some(MeshConfig {
        meta: Meta {
            at: value.at(),
            item: None,
            name: None,
            namespace: None,
            meant_namespace: None,
            creation_timestamp: None,
            annotations: None,
        },
        form: MeshForm::Plain,
        settings: Some(settings),
    })
}

/// What Istio's chart has beside the mesh's settings, none of which has such a name.
const OF_INSTALLATION: [&str; 12] = [
    "base",
    "cni",
    "gateways",
    "global",
    "hub",
    "istio_cni",
    "istiodRemote",
    "pilot",
    "profile",
    "revision",
    "sidecarInjectorWebhook",
    "telemetry",
];

/// The first name that only an installation's values have, where nothing bears on pools.
fn of_installation(settings: &MeshSettings) -> Option<&Spanned<String>> {
    let mut names = settings.others.iter().map(|(name, _)| name);
    let found = names.find(|name| OF_INSTALLATION.contains(&name.as_str()))?;
    settings.says_nothing().then_some(found)
}

/// Settings of a mesh that bear on no pool and have a name like one that does.
const LIKE_OURS: [&str; 8] = [
    "defaultConfig",
    "defaultHttpRetryPolicy",
    "defaultInboundHttpRetryPolicy",
    "defaultProviders",
    "defaultServiceExportTo",
    "defaultVirtualServiceExportTo",
    "inboundTrafficPolicy",
    "outboundTrafficPolicy",
];

/// The settings themselves. There are some fifty more, which come and go with Istio's versions
/// and are not the CRD's to refuse: of the unknown ones only a slip in a name that counts here
/// matters.
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
    fields.close_open(&LIKE_OURS, report);
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
