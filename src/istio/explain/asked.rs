//! What was asked for, and the rules do not have.

use std::path::Path as FilePath;

use super::notes::Notes;
use crate::istio::problem::{Problem, Severity, shorten};
use crate::istio::resource::{Listener, Resource, Spanned};
use crate::istio::rule_set::RuleSet;
use crate::istio::settings::Settings;

/// How many names are listed to choose from.
const MOST_NAMES: usize = 10;

pub(super) fn find(settings: &Settings<'_>) -> impl Iterator<Item = Notes> {
    no_subset(settings).into_iter().chain(no_listener(settings))
}

/// That there is nothing to ask.
pub(super) fn of_nothing(rules: &RuleSet) -> Option<Problem> {
    (rules.rules().len() == 0).then(|| {
        Problem::of_file(
            FilePath::new(""),
            Severity::Notice,
            "no DestinationRule was read at all, for whatever host",
        )
    })
}

/// A host outside the cluster. Istio goes by the namespace of its `ServiceEntry`, which is not read.
pub(super) fn outside(settings: &Settings<'_>) -> Option<Problem> {
    let owners = settings.rules.owners(settings);
    let root = settings.rules.root_namespace();
    let has_root = owners.contains(root);
    let owners: Vec<String> = owners.iter().map(|owner| shorten(owner)).collect();
    let host = shorten(settings.query.service().host());
    let (severity, message) = match &owners[..] {
        [] => return None,
        // Its rules hold wherever the service is.
        [_] if has_root => return None,
        [owner] => (
            Severity::Notice,
            format!(
                "`{host}` is no name of the cluster: it is taken for a service of the namespace \
                 {owner}, as no other has a rule for it; a mesh takes it for one of the namespace \
                 that its ServiceEntry is in"
            ),
        ),
        _ => {
            let named = owners[..owners.len().min(MOST_NAMES)].join(", ");
            let count = owners.len();
            let holding = match has_root {
                true => format!("only that of {root}, the root namespace, holds"),
                false => "none of these rules holds".to_owned(),
            };
            (
                Severity::Warning,
                format!(
                    "`{host}` is no name of the cluster, and {count} namespaces have rules for it: \
                     {named}; which of them its ServiceEntry is in is not known, and so {holding}; \
                     say the namespace of the service"
                ),
            )
        }
    };
    Some(Problem::of_file(FilePath::new(""), severity, message))
}

/// A subset that the rule lacks. Who calls it by a route of the mesh would get no answer.
fn no_subset(settings: &Settings<'_>) -> Option<Notes> {
    let query = settings.query;
    let asked = query.subset.as_ref().filter(|_| !query.is_inbound())?;
    if settings.subset.is_some() {
        return None;
    }
    let rule = settings.rules.rule_ref(*settings.entry?.from.first()?);
    let Resource::DestinationRule(object) = rule.object() else {
        return None;
    };
    let subsets = object.spec.as_ref().and_then(|spec| spec.subsets.as_ref());
    let known: Vec<String> = settings.subsets().take(MOST_NAMES).map(shorten).collect();
    let known = match known[..] {
        [] => "it has none".to_owned(),
        _ => format!("it has {}", known.join(", ")),
    };
    let mut notes = Notes::new(rule.file());
    let path = rule.meta().path();
    let path = path.field("spec");
    notes.lint(
        subsets.map_or(rule.position(), |subsets| subsets.at),
        &path.field("subsets"),
        format_args!(
            "{rule} has no subset `{}`, which is asked for: {known}; what is said of the whole \
             service holds here, and a route of a mesh to such a subset leads nowhere",
            shorten(asked)
        ),
    );
    Some(notes)
}

/// A port for which the workload's Sidecar has no listener, though it has others.
fn no_listener(settings: &Settings<'_>) -> Option<Notes> {
    let sidecar = settings.sidecar()?;
    let Resource::Sidecar(object) = sidecar.object() else {
        return None;
    };
    let ingress = object.spec.as_ref()?.ingress.as_ref()?;
    let service = settings.query.service();
    let port = service.target_port.or(service.port)?;
    let is_for = |listener: &Spanned<Listener>| listener.number() == u32::from(port);
    if ingress.is_empty() || ingress.iter().any(is_for) {
        return None;
    }
    let mut notes = Notes::new(sidecar.file());
    let path = sidecar.meta().path();
    let path = path.field("spec");
    notes.lint(
        ingress.at,
        &path.field("ingress"),
        format_args!(
            "none of the listeners is for port {port}: a mesh's Envoy would pass its requests on \
             without the limits of the Sidecar and of the rule; here they hold as for a port \
             without a Sidecar"
        ),
    );
    Some(notes)
}
