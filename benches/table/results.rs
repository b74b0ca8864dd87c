//! [`Results`]: what criterion has left.

use std::fs;
use std::path::{Path, PathBuf};

/// A figure is the median of so many runs at least, unless something else is asked for.
pub(crate) const RUNS: usize = 3;

pub(crate) struct Results {
    /// Where criterion keeps them.
    pub(crate) criterion: PathBuf,
    /// How many runs a figure needs: it is their median.
    pub(crate) runs: usize,
}

impl Results {
    /// The median, over all runs that have these benchmarks, of what is made of their times in
    /// nanoseconds.
    ///
    /// # Errors
    ///
    /// A text, if there are not enough of them.
    pub(crate) fn median<const N: usize>(
        &self,
        benchmarks: [&str; N],
        figure: impl Fn([f64; N]) -> f64,
    ) -> Result<f64, String> {
        let mut figures: Vec<_> = runs(&self.criterion.join(benchmarks[0]))
            .iter()
            .filter_map(|run| {
                let mut times = [0.0; N];
                for (time, benchmark) in times.iter_mut().zip(benchmarks) {
                    *time = median(&self.criterion.join(benchmark).join(run))?;
                }
                Some(figure(times))
            })
            .collect();
        if figures.len() < self.runs {
            return Err(format!(
                "{}: {} runs, and it takes {}",
                benchmarks.join(", "),
                figures.len(),
                self.runs
            ));
        }
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        Ok(match figures.len() % 2 {
            0 => (figures[middle - 1] + figures[middle]) / 2.0,
            _ => figures[middle],
        })
    }
}

/// The runs of a benchmark: what was saved as `--save-baseline run…`.
fn runs(benchmark: &Path) -> Vec<String> {
    let entries = fs::read_dir(benchmark).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("run"))
        .collect()
}

/// The median time of one run of one benchmark, in nanoseconds.
fn median(run: &Path) -> Option<f64> {
    let text = fs::read(run.join("estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_slice(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
