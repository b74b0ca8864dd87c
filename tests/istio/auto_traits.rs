//! Which of the public types may be shared, sent and copied: a table that the compiler checks.

use meshpool::istio::explain::{Load, Row};
use meshpool::istio::kube::{KubeError, KubeStatus, KubeWatch, Kubernetes, WatchStatus};
use meshpool::istio::rules::{
    Batch, InboundRules, OutboundRules, Rules, RulesBuilder, RulesStats, SourceStatus,
};
use meshpool::istio::watch::{Change, FilesWatch, RuleFiles, RuleStats, RuleStatus, RuleWatch};
use meshpool::istio::{
    Explanation, Gate, Manifest, OnFull, ParseGateError, Position, Problem, Protocol, Rejected,
    Rule, RuleFile, Severity,
};
use static_assertions::assert_impl_all;

assert_impl_all!(RuleFile: Send, Sync, Unpin, Clone);
assert_impl_all!(RuleWatch: Send, Sync, Unpin);
assert_impl_all!(RuleStatus: Send, Sync, Unpin, Clone);
assert_impl_all!(Change: Send, Sync, Unpin, Clone);
assert_impl_all!(Rule: Send, Sync, Unpin, Clone);
assert_impl_all!(Rejected: Send, Sync, Unpin, Clone, std::error::Error);
assert_impl_all!(Explanation: Send, Sync, Unpin, Clone);
assert_impl_all!(Row: Send, Sync, Unpin, Clone);
assert_impl_all!(Load: Send, Sync, Unpin, Copy);
assert_impl_all!(Problem: Send, Sync, Unpin, Clone);
assert_impl_all!(RuleStats: Send, Sync, Unpin, Copy);
assert_impl_all!(Position: Send, Sync, Unpin, Copy);
assert_impl_all!(Severity: Send, Sync, Unpin, Copy);
assert_impl_all!(Gate: Send, Sync, Unpin, Copy);
assert_impl_all!(Manifest: Send, Sync, Unpin);
assert_impl_all!(ParseGateError: Send, Sync, Unpin, Clone, std::error::Error);
assert_impl_all!(OnFull: Send, Sync, Unpin, Copy);
assert_impl_all!(Protocol: Send, Sync, Unpin, Copy);
assert_impl_all!(RuleFiles: Send, Sync, Unpin, Clone);
assert_impl_all!(FilesWatch: Send, Sync, Unpin);
assert_impl_all!(Rules: Send, Sync, Unpin, Clone);
assert_impl_all!(RulesBuilder: Send, Sync, Unpin, Clone);
assert_impl_all!(Batch: Send, Sync, Unpin, Clone);
assert_impl_all!(InboundRules: Send, Sync, Unpin);
assert_impl_all!(OutboundRules: Send, Sync, Unpin, Clone, meshpool::limits::LimitsSource);
assert_impl_all!(RulesStats: Send, Sync, Unpin, Copy);
assert_impl_all!(SourceStatus: Send, Sync, Unpin, Clone);
assert_impl_all!(Kubernetes: Send, Sync, Unpin, Clone);
assert_impl_all!(KubeWatch: Send, Sync, Unpin);
assert_impl_all!(KubeStatus: Send, Sync, Unpin, Clone);
assert_impl_all!(WatchStatus: Send, Sync, Unpin, Clone);
assert_impl_all!(KubeError: Send, Sync, Unpin, std::error::Error);
