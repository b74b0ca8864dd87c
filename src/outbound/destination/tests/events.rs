//! What no scenario shows.
