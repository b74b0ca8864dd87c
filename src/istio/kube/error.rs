//! Why the Kubernetes API cannot be followed at all.

use std::error::Error;
use std::fmt;

/// There is no usable configuration for the Kubernetes API: no kubeconfig and no service account,
/// or one that does not say enough. That the server cannot be reached is no such error.
#[derive(Debug)]
pub struct KubeError {
    cause: Box<dyn Error + Send + Sync>,
}

impl KubeError {
    pub(super) fn new(cause: impl Error + Send + Sync + 'static) -> Self {
        Self {
            cause: Box::new(cause),
        }
    }
}

impl fmt::Display for KubeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no usable configuration for the Kubernetes API: {}",
            self.cause
        )
    }
}

impl Error for KubeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}
