//! `examples/kubernetes`: what an operator applies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role, RoleBinding};
use meshpool::istio::RuleFile;
use meshpool::istio::kube::Kubernetes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::double::Double;
use crate::process::Running;
use crate::{RULES, allows, follow_as, until};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kubernetes")
}

/// All objects of a file.
fn objects(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(directory().join(file)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap()
}

/// The objects of this kind.
fn of_kind<T: DeserializeOwned + Serialize>(objects: &[Value], kind: &str) -> Vec<T> {
    let found = objects.iter().filter(|object| object["kind"] == kind);
    found.map(typed).collect()
}

/// The object as the API server reads it: a field that it does not know is a mistake.
fn typed<T: DeserializeOwned + Serialize>(object: &Value) -> T {
    let typed: T = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), *object);
    typed
}

fn deployment(file: &str) -> Deployment {
    of_kind(&objects(file), "Deployment").remove(0)
}

#[test]
fn every_object_is_one_that_kubernetes_knows() {
    let mut files = 0;
    for entry in std::fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        files += 1;
        for object in objects(path.file_name().unwrap().to_str().unwrap()) {
            match object["kind"].as_str().unwrap() {
                "Namespace" => drop(typed::<Namespace>(&object)),
                "ServiceAccount" => drop(typed::<ServiceAccount>(&object)),
                "Service" => drop(typed::<Service>(&object)),
                "Deployment" => drop(typed::<Deployment>(&object)),
                "ClusterRole" => drop(typed::<ClusterRole>(&object)),
                "Role" => drop(typed::<Role>(&object)),
                "RoleBinding" => drop(typed::<RoleBinding>(&object)),
                "DestinationRule" => {}
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(files, 5);
}

#[test]
fn the_rule_is_accepted_and_is_the_guides() {
    let rule = RuleFile::new(directory().join("rule.yaml")).read().unwrap();
    let guide = RuleFile::new(directory().join("../rule.yaml"))
        .read()
        .unwrap();
    assert_eq!(rule.limits(), guide.limits());
    assert_eq!((rule.host(), rule.namespace()), ("user", Some("demo")));
}

#[test]
fn nobody_has_a_sidecar_and_there_are_ten_clients() {
    for (file, replicas) in [("user.yaml", 1), ("client.yaml", 10)] {
        let spec = deployment(file).spec;
        assert_eq!(spec.replicas, Some(replicas));
        let metadata = spec.template.metadata.unwrap();
        let labels = metadata.labels.unwrap();
        assert_eq!(labels["sidecar.istio.io/inject"], "false");
        // What the Deployment and the Service select is what there is.
        let services: Vec<Service> = of_kind(&objects(file), "Service");
        let selected = services[0]
            .spec
            .as_ref()
            .unwrap()
            .selector
            .as_ref()
            .unwrap();
        assert!(
            selected
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
        );
        let matched = spec.selector.match_labels.unwrap();
        assert!(
            matched
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
        );
    }
    let namespace: Namespace = of_kind(&objects("namespace.yaml"), "Namespace").remove(0);
    assert_eq!(
        namespace.metadata.labels.unwrap()["istio-injection"],
        "disabled"
    );
}

#[test]
fn the_only_replica_stays_in_its_service_while_it_is_saturated() {
    let spec = deployment("user.yaml").spec;
    assert_eq!(spec.replicas, Some(1));
    let pod = spec.template.spec.unwrap();
    let probe = pod.containers[0].readiness_probe.clone().unwrap();
    assert_eq!(
        probe.http_get.unwrap().path.as_deref(),
        Some("/healthz"),
        "/readyz says no while all slots are taken"
    );
}

#[test]
fn no_image_is_built_from_what_was_built_before() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "**/target"));
}

#[tokio::test]
async fn the_deployments_arguments_are_those_of_the_programs() {
    let double = Double::start().await;
    double.put(RULES, "demo", "user", allows("user", 3));
    let args = arguments("user.yaml");
    let (elsewhere, flags): (Vec<_>, Vec<_>) = args
        .iter()
        .map(String::as_str)
        .partition(|arg| arg.starts_with("--listen=") || arg.starts_with("--admin="));
    assert_eq!(elsewhere.len(), 2);
    let user = Running::start("user", &double, &flags).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 3);

    let url = format!("--url=http://{}/user", user.address);
    let args = arguments("client.yaml");
    let mut flags: Vec<_> = args.iter().map(String::as_str).collect();
    for flag in &mut flags {
        match flag.split_once('=').unwrap().0 {
            "--url" => *flag = &url,
            "--seconds" => *flag = "--seconds=0.1",
            _ => {}
        }
    }
    crate::process::runs("client", &flags).await;
}

fn arguments(file: &str) -> Vec<String> {
    let pod = deployment(file).spec.template.spec.unwrap();
    pod.containers.into_iter().next().unwrap().args.unwrap()
}

#[tokio::test]
async fn the_service_account_may_ask_for_all_that_is_asked_for_and_for_nothing_else() {
    let double = Double::start().await;
    let (_rules, _watch) = follow_as(Kubernetes::new().namespace("demo"), &double).await;
    until(|| double.watches("configmaps") == 1 && double.watches("sidecars") == 2).await;
    until(|| double.watches(RULES) == 2).await;
    let asked: BTreeSet<_> = double.asked("").iter().map(|uri| Right::of(uri)).collect();
    assert_eq!(asked, granted(&objects("rbac.yaml")));
}

/// Something that is asked for, or allowed: verb, group, resource, namespace, name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right([String; 5]);

impl Right {
    fn of(uri: &str) -> Self {
        let (path, query) = uri.split_once('?').unwrap();
        let verb = match query.contains("watch=true") {
            true => "watch",
            false => "list",
        };
        let name = query
            .split('&')
            .find_map(|it| it.strip_prefix("fieldSelector=metadata.name%3D"));
        let parts: Vec<_> = path.split('/').skip(1).collect();
        let (group, namespace, resource) = match parts[..] {
            ["api", _, "namespaces", namespace, resource] => ("", namespace, resource),
            ["apis", group, _, "namespaces", namespace, resource] => (group, namespace, resource),
            _ => panic!("{uri}"),
        };
        let parts = [verb, group, resource, namespace, name.unwrap_or("*")];
        Self(parts.map(ToOwned::to_owned))
    }
}

/// All that the bindings allow.
fn granted(objects: &[Value]) -> BTreeSet<Right> {
    let account: ServiceAccount = of_kind(objects, "ServiceAccount").remove(0);
    let roles: Vec<Role> = of_kind(objects, "Role");
    let cluster_roles: Vec<ClusterRole> = of_kind(objects, "ClusterRole");
    let bindings: Vec<RoleBinding> = of_kind(objects, "RoleBinding");
    let mut rights = BTreeSet::new();
    for binding in bindings {
        let subject = &binding.subjects.as_ref().unwrap()[0];
        assert_eq!(Some(&subject.name), account.metadata.name.as_ref());
        assert_eq!(subject.namespace, account.metadata.namespace);
        let name = Some(&binding.role_ref.name);
        let namespace = binding.metadata.namespace.unwrap();
        let rules = match &*binding.role_ref.kind {
            "ClusterRole" => {
                let mut found = cluster_roles.iter();
                found
                    .find(|role| role.metadata.name.as_ref() == name)
                    .unwrap()
                    .rules
                    .clone()
            }
            _ => {
                let mut found = roles
                    .iter()
                    .filter(|role| role.metadata.namespace.as_ref() == Some(&namespace));
                found
                    .find(|role| role.metadata.name.as_ref() == name)
                    .unwrap()
                    .rules
                    .clone()
            }
        };
        rights.extend(
            rules
                .unwrap()
                .iter()
                .flat_map(|rule| of_rule(rule, &namespace)),
        );
    }
    rights
}

fn of_rule(rule: &PolicyRule, namespace: &str) -> Vec<Right> {
    let any = vec!["*".to_owned()];
    let names = rule.resource_names.as_ref().unwrap_or(&any);
    let mut rights = Vec::new();
    for verb in &rule.verbs {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for name in names {
                    let parts = [verb, group, resource, namespace, name];
                    rights.push(Right(parts.map(|part| part.to_string())));
                }
            }
        }
    }
    rights
}
