//! Owns the client of a Kubernetes API server: GET requests with timeouts and retries, lists as tables, discovery.
//!
//! Only GET is ever sent; a port-forward is a GET that becomes a socket.

mod client;
mod connect;
mod discovery;
mod forward;
mod listed;
mod login;
mod table;

pub use super::error::{SourceError, causes};
pub use client::{Answer, Kubernetes, RequestLimits};
pub use connect::{ConnectError, Connection, Target, connect};
pub use discovery::{Discovery, Document};
pub use listed::ListedObject;
pub use table::{ListHead, Object, Row, Rows};
