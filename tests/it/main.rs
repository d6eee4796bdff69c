//! Everything that needs no root and no cluster, a file for each room. `tests/run` runs these and
//! then those that need a Kubernetes.

mod support;

mod collect;
mod profile;
mod recordings;
mod window;
mod yaml;
