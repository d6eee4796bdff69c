//! Logging in and being connected: where `kubectl get pods` works, so do we.

mod as_kubectl;
mod case;
mod environment;
mod failures;
mod renewal;
mod rows;
