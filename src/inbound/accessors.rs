//! The methods by which a middleware gives access to the service that it wraps.

/// For the `impl` block of a middleware with a field `inner: S`.
macro_rules! inner_accessors {
    () => {
        /// Gets a reference to the inner service.
        pub fn get_ref(&self) -> &S {
            &self.inner
        }

        /// Gets a mutable reference to the inner service.
        pub fn get_mut(&mut self) -> &mut S {
            &mut self.inner
        }

        /// Gives the inner service back. A slot that this held is given up.
        pub fn into_inner(self) -> S {
            self.inner
        }
    };
}

pub(super) use inner_accessors;
