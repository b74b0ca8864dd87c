//! The file of the mesh's settings, in each form that it may have, and what is none.

use std::fs;

use meshpool::istio::settings::Value;
use meshpool::istio::{Gate, Query, RuleSet, Service, Severity};
use tempfile::TempDir;

fn set(mesh: &str, gate: Gate) -> RuleSet {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("mesh.yaml");
    fs::write(&path, mesh).unwrap();
    RuleSet::builder().gate(gate).mesh(path).build()
}

fn connect_timeout(set: &RuleSet) -> Value {
    let query = Query::outbound(Service::new("user"));
    let settings = set.settings(&query);
    let mut values = settings.values().into_iter();
    let found = values.find(|value| value.name() == "connect_timeout");
    found.unwrap().value()
}

#[test]
fn each_form_of_the_settings_is_read() {
    for mesh in [
        "connectTimeout: 3s\n",
        "apiVersion: mesh\nkind: MeshConfig\nspec: {connectTimeout: 3s}\n",
        // Named by the revision, and named by whoever says that it is the mesh's.
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio-1-30}\n\
         data: {mesh: 'connectTimeout: 3s'}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ours}\n\
         data:\n  meshNetworks: 'networks: {}'\n  mesh: |\n    connectTimeout: 3s\n",
    ] {
        for gate in [Gate::Strict, Gate::Istiod] {
            let set = set(mesh, gate);
            assert!(set.is_valid(), "{mesh}: {:?}", set.problems());
            assert_eq!(connect_timeout(&set).to_string(), "3s", "{mesh}");
        }
    }
}

#[test]
fn settings_that_say_nothing_are_settings() {
    for mesh in [
        "{}",
        "enableTracing: true",
        "apiVersion: mesh\nkind: MeshConfig\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio}\ndata: {mesh: ''}\n",
    ] {
        let set = set(mesh, Gate::Strict);
        assert!(set.problems().is_empty(), "{mesh}: {:?}", set.problems());
        assert_eq!(connect_timeout(&set).to_string(), "10s", "{mesh}");
    }
}

#[test]
fn a_file_without_settings_says_what_would_be_right() {
    let nothing = "mesh.yaml: error: no settings of a mesh: expected a MeshConfig, its settings \
                   alone (connectTimeout: 10s, say; {} for none), or the ConfigMap that istiod \
                   reads, with them under data.mesh";
    let helm = "mesh.yaml:2:1: error: meshConfig: the values of an installation: expected what is \
                under `meshConfig`, as a file of its own";
    let operator = "mesh.yaml:4:3: error: spec.meshConfig: the values of an installation: expected \
                    what is under `meshConfig`, as a file of its own";
    for (mesh, told) in [
        ("", nothing),
        ("# connectTimeout: 3s\n---\n", nothing),
        ("null", nothing),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ours}\ndata: {other: '{}'}\n",
            nothing,
        ),
        (
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\n\
             spec: {host: a}\n",
            nothing,
        ),
        (
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {profile: minimal}\n",
            nothing,
        ),
        ("global: {}\nmeshConfig: {connectTimeout: 3s}\n", helm),
        (
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec:\n  meshConfig:\n    \
             connectTimeout: 3s\n",
            operator,
        ),
    ] {
        for gate in [Gate::Strict, Gate::Istiod] {
            let set = set(mesh, gate);
            assert!(!set.is_valid(), "{mesh}");
            let [problem] = set.problems() else {
                panic!("{mesh}: {:?}", set.problems());
            };
            let problem = problem.to_string();
            assert!(problem.ends_with(told), "{problem}");
            assert_eq!(connect_timeout(&set).to_string(), "10s", "{mesh}");
        }
    }
}

#[test]
fn values_of_an_installation_that_say_nothing_of_the_mesh_are_a_warning() {
    for (mesh, warned) in [
        (
            "pilot: {replicas: 2}\nglobal: {hub: h}\n",
            Some("1:1 pilot"),
        ),
        (
            "enableTracing: true\nrevision: canary\n",
            Some("2:1 revision"),
        ),
        // Whoever says something of pools has found the place.
        ("global: {}\nconnectTimeout: 3s\n", None),
        ("global: {}\nrootNamespace: mesh\n", None),
        ("enableTracing: true\ntrustDomain: a\n", None),
    ] {
        for gate in [Gate::Strict, Gate::Istiod] {
            let set = set(mesh, gate);
            assert!(set.is_valid(), "{mesh}: {:?}", set.problems());
            let problems = set.problems().iter();
            let told: Vec<_> = problems
                .map(|it| {
                    assert_eq!(it.severity(), Severity::Warning);
                    let why = "the values of an installation, without settings of the mesh";
                    assert!(it.message().starts_with(why), "{it}");
                    format!("{} {}", it.position().unwrap(), it.path())
                })
                .collect();
            let expected: Vec<_> = warned.into_iter().collect();
            assert_eq!(told, expected, "{mesh}");
        }
    }
}

#[test]
fn among_rules_a_config_map_is_the_meshs_by_its_name_alone() {
    let map = |name: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n\
             data: {{mesh: 'connectTimeout: 3s'}}\n"
        )
    };
    for (name, timeout) in [("istio", "3s"), ("istio-1-30", "3s"), ("ours", "10s")] {
        let set = RuleSet::builder().document("a.yaml", map(name)).build();
        assert!(set.is_valid());
        assert_eq!(connect_timeout(&set).to_string(), timeout, "{name}");
    }
}
