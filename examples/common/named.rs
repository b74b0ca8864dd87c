//! Which service a name on the command line is.

use meshpool::istio::Service;

/// A service by its full name, which has the namespace in it, or by its short one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) host: &'a str,
    /// The one that was said, if any was.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) cluster_domain: &'a str,
}

impl<'a> Named<'a> {
    /// The namespace that was said, or that is in the full name, or else `default`.
    pub(crate) fn namespace(self) -> &'a str {
        let of_host = || self.name_in_cluster()?.rsplit('.').next();
        self.namespace.or_else(of_host).unwrap_or("default")
    }

    /// Without a namespace that was said, where it is is for the library to find.
    pub(crate) fn service(self) -> Service {
        let service = Service::new(self.host);
        match self.namespace {
            Some(namespace) => service.namespace(namespace),
            None => service,
        }
    }

    /// The name and the namespace, where the host is a full name of the cluster.
    fn name_in_cluster(self) -> Option<&'a str> {
        let name = self.host.strip_suffix(self.cluster_domain)?;
        name.strip_suffix(".svc.")
    }
}
