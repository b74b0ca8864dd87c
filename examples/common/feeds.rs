//! What brings the rules of a mesh: files, Kubernetes, or both.

use std::io;
use std::path::PathBuf;

use meshpool::istio::kube::{KubeWatch, Kubernetes};
use meshpool::istio::rules::Rules;
use meshpool::istio::watch::{FilesWatch, RuleFiles};

/// It brings them for as long as it is held.
pub(crate) struct Feeds {
    _files: Option<FilesWatch>,
    _kube: Option<KubeWatch>,
}

impl Feeds {
    /// Returns when all that is there is in force, and what is wrong with it is told.
    pub(crate) async fn follow(
        paths: &[PathBuf],
        kubernetes: Option<Kubernetes>,
        rules: &Rules,
    ) -> io::Result<Self> {
        let mut files = match paths {
            [] => None,
            paths => Some(RuleFiles::new(paths).follow(rules)?),
        };
        // First, so that of what both have the files' counts.
        if let Some(files) = &mut files {
            files.settled().await;
        }
        let mut kube = match kubernetes {
            Some(kubernetes) => Some(kubernetes.follow(rules).await.map_err(io::Error::other)?),
            None => None,
        };
        if let Some(kube) = &mut kube {
            kube.settled().await;
        }
        for problem in rules.problems() {
            eprintln!("{problem}");
        }
        Ok(Self {
            _files: files,
            _kube: kube,
        })
    }
}
