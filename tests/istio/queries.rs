//! From a query to settings and limits: names, Sidecars, subsets, and where each value is from.

use std::time::Duration;

use meshpool::Limits;
use meshpool::istio::rules::Rules;
use meshpool::istio::settings::{Source, Value};
use meshpool::istio::{Client, OnFull, Protocol, Query, RuleSet, Service};
use meshpool::limits::TcpKeepAlive;

const RULES: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 4, connectTimeout: 2s, idleTimeout: 9s}
      http: {http2MaxRequests: 8, http1MaxPendingRequests: 16, idleTimeout: 5s, maxRetries: 3}
    retryBudget: {percent: 50}
    portLevelSettings:
    - port: {number: 9080}
      connectionPool: {tcp: {maxConnections: 2}}
  subsets:
  - name: v2
    trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1, maxConcurrentStreams: 7}}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec:
  inboundConnectionPool: {http: {http2MaxRequests: 100}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: listening, namespace: default}
spec:
  workloadSelector: {labels: {app: listening}}
  ingress:
  - port: {number: 8080, protocol: GRPC, name: grpc}
---
apiVersion: mesh
kind: MeshConfig
spec:
  connectTimeout: 1s
  tcpKeepalive: {time: 60s}
  defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 33}}}
";

fn set() -> RuleSet {
    let set = RuleSet::builder().document("rules.yaml", RULES).build();
    assert!(set.is_valid(), "{:?}", set.problems());
    set
}

fn reviews() -> Service {
    Service::new("reviews.default.svc.cluster.local")
}

fn limits(query: Query) -> Limits {
    set().settings(&query).limits(OnFull::Refuse)
}

#[test]
fn outbound_each_limit_is_the_one_of_the_same_name() {
    let second = Duration::from_secs(1);
    let found = limits(Query::outbound(reviews().port(80)));
    let budget = meshpool::limits::RetryBudget::new().percent(50.0);
    let of_mesh = TcpKeepAlive::new().time(60 * second);
    let expected = Limits::new()
        .max_connections(4)
        .max_requests(8)
        .max_pending_requests(16)
        .max_retries(3)
        .retry_budget(budget)
        .idle_timeout(5 * second)
        .connect_timeout(2 * second)
        .tcp_keep_alive(of_mesh);
    assert_eq!(found, expected);
    // The entry of the port has nothing else, and the mesh's timeout holds.
    let found = limits(Query::outbound(reviews().port(9080)));
    assert_eq!(
        found,
        Limits::new()
            .max_connections(2)
            .connect_timeout(second)
            .tcp_keep_alive(of_mesh)
    );
    // A service without a rule has the mesh's pool.
    let found = limits(Query::outbound(
        Service::new("ratings").namespace("default"),
    ));
    assert_eq!(
        found,
        Limits::new()
            .max_connections(33)
            .connect_timeout(second)
            .tcp_keep_alive(of_mesh)
    );
}

#[test]
fn a_subset_replaces_the_pool_of_its_rule() {
    let found = limits(Query::outbound(reviews().port(80)).subset("v2"));
    assert_eq!((found.max_requests, found.max_connections), (Some(1), None));
    assert_eq!(found.max_concurrent_streams.map(u32::from), Some(7));
    assert!(found.retry_budget.is_some());
    // One that is not there is none.
    let set = set();
    let query = Query::outbound(reviews().port(80)).subset("v3");
    let settings = set.settings(&query);
    assert_eq!(settings.subset(), None);
    assert_eq!(settings.limits(OnFull::Refuse).max_requests, Some(8));
}

#[test]
fn inbound_a_sidecar_stands_above_the_rule() {
    let set = set();
    let of = |client: Option<Client>, on_full| {
        let service = reviews().port(9080).target_port(8080);
        let mut query = Query::inbound(service);
        query = match client {
            Some(client) => query.client(client),
            None => query,
        };
        set.settings(&query).limits(on_full)
    };
    // The namespace's own Sidecar has the pool.
    let found = of(None, OnFull::Refuse);
    assert_eq!(
        found,
        Limits::new().max_requests(100).max_pending_requests(0)
    );
    // That of the workload has none, so the rule's holds; its listener's port stands for the
    // service's, so the entry for 9080 does not, and it speaks gRPC, so connections limit nothing.
    let listening = Client::new("default").label("app", "listening");
    let found = of(Some(listening), OnFull::Wait);
    let expected = Limits::new()
        .max_requests(8)
        .max_pending_requests(16)
        .idle_timeout(Duration::from_secs(5));
    assert_eq!(found, expected);
    // Outbound, Sidecars say nothing.
    let found = limits(Query::outbound(reviews().port(9080)));
    assert_eq!(found.max_connections, Some(2));
}

#[test]
fn inbound_the_limits_are_those_of_one_process() {
    let rules = RULES.split("---").next().unwrap();
    let set = RuleSet::builder().document("rules.yaml", rules).build();
    let of = |protocol, port, on_full| {
        let query = Query::inbound(reviews().port(port).protocol(protocol));
        let found = set.settings(&query).limits(on_full);
        (found.max_requests, found.max_pending_requests)
    };
    use OnFull::{Refuse, Wait};
    // M 4, R 8, P 16; and on the port M 2 alone.
    assert_eq!(of(Protocol::Http, 80, Refuse), (Some(4), Some(16)));
    assert_eq!(of(Protocol::Auto, 80, Refuse), (Some(4), Some(16)));
    assert_eq!(of(Protocol::Http2, 80, Refuse), (Some(8), Some(0)));
    assert_eq!(of(Protocol::Grpc, 80, Wait), (Some(8), Some(16)));
    assert_eq!(of(Protocol::Http, 9080, Refuse), (Some(2), None));
}

#[test]
fn a_short_name_is_one_of_the_service_s_namespace_or_else_the_client_s() {
    let set = set();
    let selected = |query: Query| set.settings(&query).selected().map(|it| it.to_string());
    let found = Some("default/reviews".to_owned());
    let short = || Service::new("reviews");
    assert_eq!(selected(Query::outbound(short())), found);
    assert_eq!(
        selected(Query::outbound(short()).client(Client::new("default"))),
        found
    );
    assert_eq!(
        selected(Query::outbound(short()).client(Client::new("web"))),
        None
    );
    let named = short().namespace("default");
    assert_eq!(
        selected(Query::outbound(named).client(Client::new("web"))),
        found
    );
    // The full name tells the namespace.
    assert_eq!(
        selected(Query::outbound(reviews()).client(Client::new("web"))),
        found
    );
    let dotted = Service::new("reviews.default").namespace("default");
    assert_eq!(selected(Query::outbound(dotted)), None);
}

#[test]
fn the_domain_of_the_cluster_can_be_another() {
    let set = RuleSet::builder()
        .document("rules.yaml", RULES)
        .cluster_domain("example.org")
        .build();
    let query = Query::outbound(Service::new("reviews.default.svc.example.org"));
    assert!(set.settings(&query).selected().is_some());
    let query = Query::outbound(reviews());
    assert!(set.settings(&query).selected().is_none());
}

/// `value from source, over others` of a setting.
fn told(query: &Query, name: &str) -> String {
    let set = set();
    let settings = set.settings(query);
    let values = settings.values();
    let setting = values.iter().find(|setting| setting.name() == name);
    let setting = setting.unwrap_or_else(|| panic!("no {name}"));
    let mut told = format!("{} from {}", setting.value(), setting.source());
    for other in setting.overrode() {
        told += &format!("\nover {other}");
    }
    told
}

#[test]
fn each_value_tells_its_source_and_what_it_overrode() {
    let port = Query::outbound(reviews().port(9080));
    assert_eq!(
        told(&port, "thresholds.max_connections"),
        "2 from default/reviews, spec.trafficPolicy.portLevelSettings[0].connectionPool.tcp.\
         maxConnections (rules.yaml:14:46)\n\
         over default/reviews, spec.trafficPolicy.connectionPool.tcp.maxConnections \
         (rules.yaml:9:29)\n\
         over MeshConfig, spec.defaultTrafficPolicy.connectionPool.tcp.maxConnections \
         (rules.yaml:38:65)"
    );
    assert_eq!(
        told(&port, "thresholds.max_requests"),
        "4294967295 from built-in default\n\
         over default/reviews, spec.trafficPolicy.connectionPool.http.http2MaxRequests \
         (rules.yaml:10:32)"
    );
    assert_eq!(
        told(&port, "connect_timeout"),
        "1s from MeshConfig, spec.connectTimeout (rules.yaml:36:19)\n\
         over default/reviews, spec.trafficPolicy.connectionPool.tcp.connectTimeout \
         (rules.yaml:9:48)"
    );
    let whole = Query::outbound(reviews().port(80));
    assert_eq!(
        told(&whole, "http_protocol_options.idle_timeout"),
        "5s from default/reviews, spec.trafficPolicy.connectionPool.http.idleTimeout \
         (rules.yaml:10:77)\n\
         over default/reviews, spec.trafficPolicy.connectionPool.tcp.idleTimeout \
         (rules.yaml:9:65)"
    );
    assert_eq!(
        told(&whole, "tcp_keepalive.time_s"),
        "60 from MeshConfig, spec.tcpKeepalive.time (rules.yaml:37:24)"
    );
    let explanation = set().explain(&whole, OnFull::Refuse);
    let mut rows = explanation.limits.iter();
    let row = rows.find(|row| row.field == "tcp_keep_alive.time");
    assert_eq!(
        row.unwrap().source,
        "MeshConfig, spec.tcpKeepalive.time (rules.yaml:37:24)"
    );
    let served = Query::inbound(reviews().port(9080));
    assert_eq!(
        told(&served, "thresholds.max_requests"),
        "100 from Sidecar default/default, spec.inboundConnectionPool.http.http2MaxRequests \
         (rules.yaml:23:52)\n\
         over default/reviews, spec.trafficPolicy.connectionPool.http.http2MaxRequests \
         (rules.yaml:10:32)"
    );
}

#[test]
fn the_levels_that_hold_are_told() {
    let set = set();
    let query = Query::outbound(reviews().port(9080)).subset("v2");
    let settings = set.settings(&query);
    let path = |source: Option<Source<'_>>| source.map(|it| it.field().unwrap().path());
    assert_eq!(
        path(settings.connection_pool()).as_deref(),
        Some("spec.subsets[0].trafficPolicy.connectionPool")
    );
    assert_eq!(
        path(settings.port_level()).as_deref(),
        Some("spec.trafficPolicy.portLevelSettings[0]")
    );
    assert_eq!(path(settings.subset_port_level()), None);
    assert_eq!(settings.subset(), Some("v2"));
    let query = Query::inbound(reviews());
    let sidecar = set.settings(&query).sidecar().unwrap();
    assert_eq!((sidecar.kind(), sidecar.name()), ("Sidecar", "default"));
}

#[test]
fn of_what_is_not_set_envoys_default_holds() {
    let set = set();
    let query = Query::outbound(reviews().port(80));
    let settings = set.settings(&query);
    let values = settings.values();
    let null: Vec<&str> = values
        .iter()
        .filter(|setting| setting.value() == Value::Null)
        .map(|setting| setting.name())
        .collect();
    assert_eq!(
        null,
        [
            "thresholds.retry_budget.budget_interval",
            "tcp_keepalive.probes",
            "tcp_keepalive.interval_s",
            "http_protocol_options.max_connection_duration",
            "http_protocol_options.max_requests_per_connection",
        ]
    );
}

/// A rule without a namespace, as it is written for `kubectl -n demo apply`.
fn unnamed(host: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: unnamed}}
spec:
  host: '{host}'
  exportTo: ['.']
  trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: 3}}}}}}
"
    )
}

#[test]
fn objects_that_name_no_namespace_are_in_the_one_that_is_said() {
    let named = unnamed("user").replace("{name: unnamed}", "{name: named, namespace: web}");
    let text = unnamed("user") + "---\n" + &named;
    let limit = |set: &RuleSet, namespace: &str| {
        let query = Query::outbound(Service::new("user").namespace(namespace));
        set.settings(&query).limits(OnFull::Refuse).max_requests
    };
    let of = |set: &RuleSet| ["default", "demo", "web"].map(|namespace| limit(set, namespace));
    let builder = RuleSet::builder().document("rules.yaml", &*text);
    assert_eq!(of(&builder.clone().build()), [Some(3), None, Some(3)]);
    let set = builder.default_namespace("demo").build();
    assert!(set.is_valid());
    assert_eq!(of(&set), [None, Some(3), Some(3)]);
    let names: Vec<_> = set.rules().map(|rule| rule.to_string()).collect();
    assert_eq!(names, ["web/named", "demo/unnamed"]);

    let rules = Rules::builder().default_namespace("demo").build();
    rules.put("rules.yaml", &text).unwrap();
    assert_eq!(of(&rules.current()), [None, Some(3), Some(3)]);
}

/// `exportTo` may name the own namespace but not twice.
#[test]
fn what_is_checked_of_a_namespace_is_checked_of_the_one_that_is_said() {
    let text = unnamed("user").replace("['.']", "['.', demo]");
    let builder = RuleSet::builder().document("rule.yaml", text);
    assert!(builder.clone().build().is_valid());
    assert!(!builder.default_namespace("demo").build().is_valid());
}

#[test]
fn a_rule_that_would_hold_if_it_named_its_namespace_is_told() {
    let told = |host: &str, query: &Query| {
        let set = RuleSet::builder().document("rule.yaml", unnamed(host));
        let explanation = set.build().explain(query, OnFull::Refuse);
        let told = explanation.problems.iter().map(ToString::to_string);
        told.filter(|it| it.contains("names no namespace"))
            .collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    let user = Service::new("user.demo.svc.cluster.local");
    let inbound = Query::inbound(user.clone());
    let outbound = |namespace: &str| Query::outbound(user.clone()).client(Client::new(namespace));
    for host in [
        "user",
        "*",
        "user.demo.svc.cluster.local",
        "*.demo.svc.cluster.local",
    ] {
        assert_eq!(
            told(host, &inbound),
            [
                "rule.yaml:1:1: notice: it names no namespace, and so is in default: in demo it would \
                 be for `user.demo.svc.cluster.local`; name the namespace in it, or say which one is \
                 meant by default"
            ],
            "{host}"
        );
        assert_eq!(told(host, &outbound("web")).len(), 1, "{host}");
    }
    // The client's own namespace is one that may be meant.
    let outside = Query::outbound(Service::new("example.org")).client(Client::new("web"));
    assert!(told("*.org", &outside)[0].contains("in web it would"));
    // Where it holds anyway, or is for something else, there is nothing to tell.
    assert_eq!(told("*", &outbound("default")), none);
    assert_eq!(
        told("user", &outbound("default")).len(),
        1,
        "that of default is another"
    );
    for host in ["other", "*.org", "user.default.svc.cluster.local"] {
        assert_eq!(told(host, &inbound), none, "{host}");
    }
}
