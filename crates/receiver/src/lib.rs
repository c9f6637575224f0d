//! Takes the push notifications of registries and tells which tags they are about.
