//! Logging in and being connected: where `kubectl get pods` works, so do we.

mod as_kubectl;
mod case;
mod rows;
