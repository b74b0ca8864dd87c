//! [`Source`]: where a value is from.

use std::fmt;

use crate::istio::problem::{Position, has_lines};
use crate::istio::resource::{MeshForm, Resource};
use crate::istio::rule_set::{ObjectRef, RuleSet};
use crate::istio::select::Level;
use crate::istio::translate::Owner;

/// Where a value is from. Printed, it names the object, the field, and the place in the file.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Source<'a> {
    /// A field of a `DestinationRule`.
    Rule(FieldRef<'a>),
    /// A field of a `Sidecar`.
    Sidecar(FieldRef<'a>),
    /// A field of the `MeshConfig`.
    Mesh(FieldRef<'a>),
    /// What the port of the service speaks.
    Protocol,
    /// Nothing says anything: a default of Istio.
    Default,
}

impl<'a> Source<'a> {
    pub(super) fn new(field: FieldRef<'a>) -> Self {
        match field.object.object() {
            Resource::DestinationRule(_) => Self::Rule(field),
            Resource::Sidecar(_) => Self::Sidecar(field),
            Resource::MeshConfig(_) => Self::Mesh(field),
        }
    }

    /// The field, where it is one.
    pub fn field(&self) -> Option<&FieldRef<'a>> {
        match self {
            Self::Rule(field) | Self::Sidecar(field) | Self::Mesh(field) => Some(field),
            Self::Protocol | Self::Default => None,
        }
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(field) | Self::Mesh(field) => field.fmt(f),
            Self::Sidecar(field) => write!(f, "Sidecar {field}"),
            Self::Protocol => f.write_str("protocol of the port"),
            Self::Default => f.write_str("built-in default"),
        }
    }
}

/// A field of an object of the set.
#[derive(Clone, Copy)]
pub struct FieldRef<'a> {
    object: ObjectRef<'a>,
    within: Within,
    /// The path of the field inside that.
    name: &'static str,
    at: Position,
}

/// What a field stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Pool(Owner),
    Outlier(Owner),
    RetryBudget(Owner),
    /// An entry of `portLevelSettings`, or a policy.
    Policy(Owner),
    /// The settings of the mesh.
    Mesh,
}

impl Within {
    pub(super) fn owner(self) -> Owner {
        match self {
            Self::Pool(owner)
            | Self::Outlier(owner)
            | Self::RetryBudget(owner)
            | Self::Policy(owner) => owner,
            Self::Mesh => Owner::Mesh,
        }
    }
}

impl<'a> FieldRef<'a> {
    pub(super) fn new(
        rules: &'a RuleSet,
        within: Within,
        name: &'static str,
        at: Position,
    ) -> Option<Self> {
        let object = rules.owner(within.owner())?;
        Some(Self {
            object,
            within,
            name,
            at,
        })
    }

    /// The object that the field is of.
    pub fn object(&self) -> ObjectRef<'a> {
        self.object
    }

    /// Where it stands in the object's file.
    pub fn position(&self) -> Position {
        self.at
    }

    /// Its path, such as `spec.trafficPolicy.connectionPool.http.http2MaxRequests`.
    pub fn path(&self) -> String {
        let object = self.object.meta().path().to_string();
        let block = match self.within {
            Within::Pool(owner) => [self.policy(owner), pool_name(owner).to_owned()],
            Within::Outlier(owner) => [self.policy(owner), "outlierDetection".to_owned()],
            Within::RetryBudget(owner) => [self.policy(owner), "retryBudget".to_owned()],
            Within::Policy(owner) => [self.policy(owner), String::new()],
            Within::Mesh => [self.mesh().to_owned(), String::new()],
        };
        let [policy, block] = block;
        let parts = [&*object, &*policy, &*block, self.name];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(".")
    }

    /// The path of a policy in its object.
    fn policy(&self, owner: Owner) -> String {
        match owner {
            Owner::Rule(place) => match place.level {
                Level::Top => "spec.trafficPolicy".to_owned(),
                Level::Port(port) => format!("spec.trafficPolicy.portLevelSettings[{port}]"),
                Level::Subset(subset) => format!("spec.subsets[{subset}].trafficPolicy"),
                Level::SubsetPort(subset, port) => {
                    format!("spec.subsets[{subset}].trafficPolicy.portLevelSettings[{port}]")
                }
            },
            Owner::Listener(_, index) => format!("spec.ingress[{index}]"),
            Owner::Sidecar(_) => "spec".to_owned(),
            Owner::Mesh => match self.mesh() {
                "" => "defaultTrafficPolicy".to_owned(),
                settings => format!("{settings}.defaultTrafficPolicy"),
            },
        }
    }

    fn mesh(&self) -> &'static str {
        match self.object.object() {
            Resource::MeshConfig(mesh) => match mesh.form {
                MeshForm::ConfigMap => "data.mesh",
                MeshForm::Object => "spec",
                MeshForm::Plain => "",
            },
            _ => "spec",
        }
    }
}

fn pool_name(owner: Owner) -> &'static str {
    match owner {
        Owner::Sidecar(_) => "inboundConnectionPool",
        _ => "connectionPool",
    }
}

impl fmt::Display for FieldRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.object.file().display();
        match self.object.object() {
            // There is one, and it needs no name.
            Resource::MeshConfig(_) => f.write_str(self.object.kind())?,
            _ => self.object.fmt(f)?,
        }
        write!(f, ", {} ({file}", self.path())?;
        if has_lines(self.object.file()) {
            write!(f, ":{}", self.at)?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for FieldRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldRef({self})")
    }
}
