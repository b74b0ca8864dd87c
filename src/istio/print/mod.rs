//! Resources back to text, so that they can be read again: nothing is lost that was kept.
//!
//! What lives here prints in one form, whatever form was read: block YAML, names as the CRD has
//! them, numbers as numbers. Both gates read it alike.

mod block;
mod object;
mod yaml;

use std::fmt;

use super::resource::Resource;

/// As a YAML document, without a line that separates it from others.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        yaml::document(&object::object(self), f)
    }
}
