//! Whose rules of reading apply.

use std::fmt;
use std::str::FromStr;

/// How strictly a text is read.
///
/// Istio has two readers, and they disagree: the API server knows the schema of the CRD, istiod
/// reads what it is given with a lenient JSON reader. What one takes for a limit the other may
/// refuse or ignore.
///
/// | | `Strict` | `Istiod` |
/// |---|---|---|
/// | an unknown field (a typo) | error, with the nearest known name | ignored, with a warning |
/// | `maxConnections: "100"` | error | 100 |
/// | `traffic_policy`, the name in the proto | error | `trafficPolicy` |
/// | `h2UpgradePolicy: 2` | error | `UPGRADE` |
/// | a `null` in a list | error | an empty item |
/// | ranges of the CRD, such as of `retryBudget.percent` | error | not looked at |
///
/// The checks of Istio's admission are the same behind both; but what fails them is left out behind
/// `Strict` alone: istiod does not repeat them, and applies what got past the admission. Where both read the text, they read
/// the same. Keys that stand twice in a mapping are errors with both, though istiod would take
/// the last.
///
/// ```
/// use meshpool::istio::Gate;
///
/// assert_eq!(Gate::default(), Gate::Strict);
/// assert_eq!("istiod".parse(), Ok(Gate::Istiod));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gate {
    /// Types, names and ranges as the CRD has them; an unknown field is an error. The default.
    #[default]
    Strict,
    /// Whatever istiod accepts.
    Istiod,
}

/// `strict` or `istiod`.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Istiod => "istiod",
        })
    }
}

impl FromStr for Gate {
    type Err = ParseGateError;

    fn from_str(text: &str) -> Result<Self, ParseGateError> {
        match text {
            "strict" => Ok(Self::Strict),
            "istiod" => Ok(Self::Istiod),
            _ => Err(ParseGateError { _p: () }),
        }
    }
}

/// Says that a text names no [`Gate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseGateError {
    _p: (),
}

impl fmt::Display for ParseGateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no gate of this name: expected strict or istiod")
    }
}

impl std::error::Error for ParseGateError {}
